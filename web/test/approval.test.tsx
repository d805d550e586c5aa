import { fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { StopBanner, StopButton } from '../src/components/automation';
import { parameters } from '../src/components/request';
import { ResolverFlyout } from '../src/flyouts/resolver';
import { Verified } from '../src/pages/audit';
import type { Incident, ProposalView } from '../src/api/types';
import { absent, answer, fixtures, show, subject, type Sent } from './page';

const incident = fixtures.incident;
const below = `/incidents/${incident.incident_id}/proposals`;
const me = { ...fixtures.me, person: true, scopes: ['incidents:read', 'incidents:write', 'actions:approve'] };

function view(more: Partial<ProposalView>): ProposalView {
  const standing = { needed: 2, yes: ['Ada'], excluded: ['Cyd'], on_call: null, enough: false, missing: "a high-risk action needs 2 people's yes", frozen: null };
  return { ...incident.proposals[0], summary: 'rollback on payment-service\nseal sha256:00', standing, you_cannot: null, ...more };
}

function open(shown: ProposalView, scopes = me.scopes, of: Incident = incident): Sent[] {
  const sent = answer({
    'GET /me': { body: { ...me, scopes } },
    [`GET ${below}`]: { body: { items: [shown], requests: [] } },
    [`POST ${below}`]: { status: 202, body: incident },
    [`POST ${below}/P1/decisions`]: { status: 201, body: incident },
    [`POST ${below}/P1/withdraw`]: { body: incident },
    [`POST ${below}/P1/review`]: { body: incident },
  });
  show(<ResolverFlyout incident={of} canApprove onClose={() => undefined} />);
  return sent;
}

const posted = (sent: Sent[]) => sent.filter((one) => one.method === 'POST');

async function because(text: string) {
  await waitFor(() => subject('ask-reason'));
  fireEvent.change(subject('ask-reason'), { target: { value: text } });
  fireEvent.click(subject('ask-give'));
}

test('says how many have agreed, who, and whose yes does not count', async () => {
  open(view({}));
  await waitFor(() => expect(subject('standing-P1').textContent).toContain('1 of 2 have agreed: Ada'));
  expect(subject('standing-P1').textContent).toContain('Asked for by Cyd');
  expect(subject('summary-P1').textContent).toContain('seal sha256:00');
});

test('whoever can not approve reads why, and may still say no', async () => {
  open(view({ you_cannot: 'you asked for it' }));
  await waitFor(() => expect(subject('cannot-P1').textContent).toContain('you asked for it'));
  expect(absent('approve-P1')).toBe(true);
  expect(absent('reject-P1')).toBe(false);
});

test('the glass is broken by its own role, with a reason', async () => {
  const sent = open(view({}), [...me.scopes, 'actions:break_glass']);
  await waitFor(() => subject('break-glass-P1'));
  fireEvent.click(subject('break-glass-P1'));
  await because('the shop is down');
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0].body).toEqual({ seal: incident.proposals[0].seal, approve: true, reason: 'the shop is down', break_glass: true });
});

test('nobody else sees the glass', async () => {
  open(view({}));
  await waitFor(() => subject('standing-P1'));
  expect(absent('break-glass-P1')).toBe(true);
});

test('a broken glass waits for a review', async () => {
  const by = { kind: 'person' as const, subject: 'person:cyd', name: 'Cyd', via: 'session' };
  const glass = { by, at: '2026-11-24T13:20:00.000Z', reason: 'the shop is down', review: null };
  const broken = { ...incident, proposals: [{ ...incident.proposals[0], break_glass: glass }] };
  const sent = open(view({ break_glass: glass }), me.scopes, broken);
  expect(subject('broken-P1').textContent).toContain('Cyd decided alone');
  fireEvent.click(subject('unjustified-P1'));
  await because('somebody was awake');
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0].body).toEqual({ justified: false, note: 'somebody was awake' });
});

test('an offer is withdrawn with a reason', async () => {
  const sent = open(view({}));
  fireEvent.click(subject('withdraw-P1'));
  await because('the database first');
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0]).toMatchObject({ body: { reason: 'the database first' } });
});

test('an action is asked for, with parameters as they are meant', async () => {
  const sent = open(view({}));
  await waitFor(() => subject('request-new'));
  fireEvent.change(subject('request-kind-new'), { target: { value: 'scale' } });
  fireEvent.change(subject('request-parameters-new'), { target: { value: 'replicas=6' } });
  fireEvent.change(subject('request-why-new'), { target: { value: 'it is too few' } });
  fireEvent.click(subject('request-give-new'));
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0].body).toEqual({ kind: 'scale', target: incident['service.name'], parameters: { replicas: 6 }, why: 'it is too few', edits: null });
});

test('parameters are numbers, truths and texts', () => {
  expect(parameters('to_version = v2.4\nshare=0.5\n\nforce=true\nno line')).toEqual({ to_version: 'v2.4', share: 0.5, force: true });
});

test('everything can be stopped from every page, and a stop is said and lifted', async () => {
  const by = { kind: 'person', subject: 'person:ada', name: 'Ada', via: 'session' };
  const running = { stopped: null, policy_version: null, last_seq: 0, updated_at: '2026-11-24T13:20:00.000Z' };
  const sent = answer({ 'GET /me': { body: me }, 'GET /automation': { body: running }, 'POST /automation/stop': { body: running } });
  show(<><StopButton /><StopBanner /></>);
  await waitFor(() => subject('stop-all'));
  expect(absent('stop-banner')).toBe(true);
  fireEvent.click(subject('stop-all'));
  await because('the runner acts strangely');
  await waitFor(() => expect(posted(sent).map((one) => one.body)).toEqual([{ reason: 'the runner acts strangely' }]));
  const stopped = { ...running, stopped: { by, at: '2026-11-24T13:20:00.000Z', reason: 'the runner acts strangely' } };
  answer({ 'GET /me': { body: me }, 'GET /automation': { body: stopped } });
  show(<StopBanner />);
  await waitFor(() => expect(subject('stop-banner').textContent).toContain('stopped by Ada'));
  expect(absent('resume')).toBe(false);
});

test('the system chain is no incident to go to', () => {
  const line = { incident_id: 'SYS-202611-000000000000', records: 3, intact: true, anchored_seq: 3, covered: true };
  show(<Verified audit={{ intact: true, faults: [], anchor_lines: 3, incidents: [line] }} />);
  expect(screen.getByText('System chain of 2026-11').closest('a')).toBeNull();
  expect(subject('audit-intact').textContent).toContain('0 incidents and the system chain');
});
