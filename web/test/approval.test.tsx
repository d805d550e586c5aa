import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { App } from '../src/app';
import { StopBanner, StopButton } from '../src/components/automation';
import { parameters, strayed, typed } from '../src/components/request';
import { details, SystemRecords } from '../src/components/system';
import { ResolverFlyout } from '../src/flyouts/resolver';
import { Verified } from '../src/pages/audit';
import type { Incident, ProposalView, RecordLine, RequestState } from '../src/api/types';
import { absent, answer, fixtures, show, subject, type Sent } from './page';

const incident = fixtures.incident;
const below = `/incidents/${incident.incident_id}/proposals`;
const me = { ...fixtures.me.responder, scopes: fixtures.me.responder.scopes as string[] };

function view(more: Partial<ProposalView>): ProposalView {
  const standing = { needed: 2, yes: ['Ada'], excluded: ['Cyd'], on_call: null, enough: false, missing: "a high-risk action needs 2 people's yes", frozen: null };
  return { ...incident.proposals[0], summary: 'rollback on payment-service\nseal sha256:00', standing, you_cannot: null, ...more };
}

function open(shown: ProposalView, scopes = me.scopes, of: Incident = incident, requests: RequestState[] = []): Sent[] {
  const sent = answer({
    'GET /me': { body: { ...me, scopes } },
    [`GET ${below}`]: { body: { items: [shown], requests } },
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

test('a freeze is a warning, and so is what a proposal takes the place of', async () => {
  const shown = view({});
  const replaces = { proposal: 'P0', changed: 'replicas 3, was 2' };
  const drifted = { ...incident.proposals[0], proposal: { ...incident.proposals[0].proposal, replaces } };
  open({ ...shown, standing: { ...shown.standing, frozen: 'the freeze "weekend" holds it back until Monday' } }, me.scopes, { ...incident, proposals: [drifted] });
  await waitFor(() => expect(subject('frozen-P1').textContent).toContain('"weekend" holds it back until Monday'));
  expect(subject('replaces-P1').textContent).toContain('In place of P0: replicas 3, was 2');
});

test('the glass is broken by its own role, with a reason', async () => {
  const sent = open(view({ you_cannot: 'you asked for it' }), [...me.scopes, 'actions:break_glass']);
  await waitFor(() => subject('break-glass-P1'));
  fireEvent.click(subject('break-glass-P1'));
  for (const part of ['decide alone', 'past the quorum', 'freeze', 'Everybody is told', 'somebody else must review']) expect(subject('confirm-break-glass').textContent).toContain(part);
  expect(subject('confirmModalConfirmButton')).toHaveProperty('disabled', true);
  fireEvent.change(subject('break-glass-reason'), { target: { value: ' the shop is down ' } });
  fireEvent.click(subject('confirmModalConfirmButton'));
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0].body).toEqual({ seal: incident.proposals[0].seal, approve: true, reason: 'the shop is down', break_glass: true });
});

test('nobody else sees the glass', async () => {
  open(view({}));
  // Who looks is known once there is a form for them.
  await waitFor(() => [subject('standing-P1'), subject('request-new')]);
  expect(absent('break-glass-P1')).toBe(true);
});

test('who has decided has neither a yes, a no nor the glass left', async () => {
  open(view({ you_cannot: 'you have decided already' }), [...me.scopes, 'actions:break_glass']);
  await waitFor(() => [subject('cannot-P1'), subject('request-new')]);
  for (const name of ['approve-P1', 'reject-P1', 'break-glass-P1']) expect(absent(name)).toBe(true);
});

test('a broken glass waits for a review', async () => {
  const by = { kind: 'person' as const, subject: 'person:cyd', name: 'Cyd', via: 'session' };
  const glass = { by, at: '2026-11-24T13:20:00.000Z', reason: 'the shop is down', review: null };
  const broken = { ...incident, proposals: [{ ...incident.proposals[0], break_glass: glass }] };
  const sent = open(view({ break_glass: glass }), me.scopes, broken);
  expect(subject('broken-P1').textContent).toContain('Cyd decided alone');
  await waitFor(() => subject('unjustified-P1'));
  fireEvent.click(subject('unjustified-P1'));
  await because('somebody was awake');
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0].body).toEqual({ justified: false, note: 'somebody was awake' });
});

test('nobody reviews themselves', async () => {
  const by = { kind: 'person' as const, subject: 'person:ada', name: me.name, via: 'session' };
  const glass = { by, at: '2026-11-24T13:20:00.000Z', reason: 'the shop is down', review: null };
  open(view({}), me.scopes, { ...incident, proposals: [{ ...incident.proposals[0], break_glass: glass }] });
  await waitFor(() => subject('request-new'));
  expect(subject('broken-P1').textContent).toContain("waits for somebody else's review");
  expect(absent('justified-P1')).toBe(true);
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

test('a changed proposal is asked for in the place of the first, its texts still texts', async () => {
  const of = { ...incident.proposals[0].proposal, action: { ...incident.proposals[0].proposal.action, parameters: { to_version: '1.10' } } };
  const sent = open(view({}), me.scopes, { ...incident, proposals: [{ ...incident.proposals[0], proposal: of }] });
  await waitFor(() => subject('edit-P1'));
  fireEvent.click(subject('edit-P1'));
  fireEvent.change(subject('request-why-P1'), { target: { value: 'not yet' } });
  fireEvent.click(subject('request-give-P1'));
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0].body).toEqual({ kind: 'rollback', target: 'payment-service', parameters: { to_version: '1.10' }, why: 'not yet', edits: 'P1' });
});

test('requests that are open or refused say so, those that are offered are among the proposals', async () => {
  const by = { kind: 'person' as const, subject: 'person:bob', name: 'Bob', via: 'session' };
  const asked: RequestState = { seq: 7, by, at: '2026-11-24T13:20:00.000Z', action: { kind: 'restart', target: 'payment-service', parameters: {} }, why: 'it hangs' };
  open(view({}), me.scopes, incident, [asked, { ...asked, seq: 8, refused: 'replicas is 3 already' }, { ...asked, seq: 9, proposal: 'P2' }]);
  await waitFor(() => expect(subject('asked-7').textContent).toContain('Bob asked for restart payment-service'));
  expect(subject('asked-7').textContent).toContain('Resolver looks at the target');
  expect(subject('asked-8').textContent).toContain('replicas is 3 already');
  expect(absent('asked-9')).toBe(true);
});

test('parameters are numbers, truths and texts', () => {
  expect(parameters('to_version = v2.4\nshare=0.5\n\nforce=true\nquery=a=b\nrevision=0x10')).toEqual({ to_version: 'v2.4', share: 0.5, force: true, query: 'a=b', revision: '0x10' });
  for (const given of [{ to_version: '1.10' }, { to_revision: '7e12' }, { flag: 'true' }, { replicas: 6, share: 0.5 }, { of: ['a', 1], text: ' two\nlines' }]) expect(parameters(typed(given))).toEqual(given);
});

test('a line that names nothing is said, and nothing else is asked for instead', async () => {
  expect(strayed('replicas=6\n\n=7')).toBe('=7');
  expect(strayed('replicas=6\n ')).toBeUndefined();
  open(view({}));
  await waitFor(() => subject('request-new'));
  fireEvent.change(subject('request-parameters-new'), { target: { value: 'replicas 6' } });
  fireEvent.change(subject('request-why-new'), { target: { value: 'it is too few' } });
  expect(subject('request-new').textContent).toContain('Expected NAME=VALUE, got replicas 6');
  expect(subject('request-give-new')).toHaveProperty('disabled', true);
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
  cleanup();
  const lifted = answer({ 'GET /me': { body: me }, 'GET /automation': { body: stopped }, 'POST /automation/resume': { body: running } });
  show(<><StopButton /><StopBanner /></>);
  await waitFor(() => expect(subject('stop-banner').textContent).toContain('stopped by Ada'));
  await waitFor(() => subject('resume'));
  expect(absent('stop-all')).toBe(true);
  fireEvent.click(subject('resume'));
  await because('it is well again');
  await waitFor(() => expect(posted(lifted)).toMatchObject([{ url: '/automation/resume', body: { reason: 'it is well again' } }]));
});

test('a viewer can neither stop nor lift', async () => {
  const by = { kind: 'person', subject: 'person:ada', name: 'Ada', via: 'session' };
  const running = { stopped: null, policy_version: null, last_seq: 0, updated_at: '2026-11-24T13:20:00.000Z' };
  const stopped = { ...running, stopped: { by, at: '2026-11-24T13:20:00.000Z', reason: 'strange' } };
  answer({ 'GET /me': { body: fixtures.me.viewer }, 'GET /automation': { body: running } });
  show(<App />);
  await screen.findByText('vic · viewer');
  expect(absent('stop-all')).toBe(true);
  cleanup();
  answer({ 'GET /me': { body: fixtures.me.viewer }, 'GET /automation': { body: stopped } });
  show(<App />);
  await waitFor(() => expect(subject('stop-banner').textContent).toContain('strange'));
  expect(absent('resume')).toBe(true);
});

test('what is about no incident is listed by page, without the policy itself', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const act = { kind: 'policy_in_force', version: 'policy-1', policy: { quorum: { low: 1 } } };
  const actor = { kind: 'system', subject: 'datapulse', name: 'datapulse' };
  const record = { incident: 'SYS-202611-000000000000', seq: 1, at: '2026-11-24T13:20:00.000Z', actor, previous: digest, event: { kind: 'system', act } };
  const line = { record, digest } as unknown as RecordLine;
  expect(details(line)).toBe('version: policy-1');
  const sent = answer({ 'GET /audit/system': { body: { total: 11, items: [line] } } });
  show(<SystemRecords />);
  await waitFor(() => expect(subject('system-records').textContent).toContain('policy in force'));
  expect(sent[0].params).toEqual({ offset: 0, limit: 10 });
  fireEvent.click(subject('pagination-button-next'));
  await waitFor(() => expect(sent.at(-1)?.params).toEqual({ offset: 10, limit: 10 }));
});

test('the system chain is no incident to go to', () => {
  const line = { incident_id: 'SYS-202611-000000000000', records: 3, intact: true, anchored_seq: 3, covered: true };
  show(<Verified audit={{ intact: true, faults: [], anchor_lines: 3, incidents: [line] }} />);
  expect(screen.getByText('System chain of 2026-11').closest('a')).toBeNull();
  expect(subject('audit-intact').textContent).toContain('0 incidents and the system chain');
});
