import { fireEvent, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { setCsrf } from '../src/api/client';
import { ResolverFlyout } from '../src/flyouts/resolver';
import type { Incident } from '../src/api/types';
import { absent, answer, fixtures, show, subject, type Sent } from './page';

const incident = fixtures.incident;
const decisions = `POST /incidents/${incident.incident_id}/proposals/P1/decisions`;

function open(canApprove = true, shown: Incident = incident) {
  show(<ResolverFlyout incident={shown} canApprove={canApprove} onClose={() => undefined} />);
}

function posted(sent: Sent[]): Sent[] {
  return sent.filter((one) => one.method === 'POST');
}

function give(reason: string) {
  fireEvent.change(subject('reason-P1'), { target: { value: reason } });
}

test('shows all that a yes is given to', () => {
  open();
  const text = subject('proposal-P1').textContent ?? '';
  for (const part of ['rollback payment-service (to_version v2.4.0)', 'medium risk', '2 min', 'to_version v2.4.1', 'under 5 % for 3 of 3 ticks', 'E1, E2', '2026-11-24 13:45:20 UTC', '"replicas": 3']) {
    expect(text).toContain(part);
  }
  expect(subject('sealed-P1').textContent).toContain(incident.proposals[0].seal);
  expect(subject('sealed-P1').textContent).toContain('Needs one person');
});

test('a decision needs a reason, and carries the seal that was read and the CSRF token', async () => {
  setCsrf('token-1');
  const sent = answer({ [decisions]: { status: 201, body: incident } });
  open();
  expect(subject('approve-P1')).toHaveProperty('disabled', true);
  give('  the deploy did it ');
  fireEvent.click(subject('approve-P1'));
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0].body).toEqual({ seal: incident.proposals[0].seal, approve: true, reason: 'the deploy did it' });
  expect(posted(sent)[0].csrf).toBe('token-1');
});

test('rejecting sends a no', async () => {
  const sent = answer({ [decisions]: { status: 201, body: incident } });
  open();
  give('too risky now');
  fireEvent.click(subject('reject-P1'));
  await waitFor(() => expect(posted(sent)).toHaveLength(1));
  expect(posted(sent)[0].body).toMatchObject({ approve: false, reason: 'too risky now' });
});

test('a refused decision is shown in the words of the API', async () => {
  const body = { title: 'Conflict', status: 409, detail: "the seal isn't that of P1: read it again", correlation_id: 'c0ffee' };
  answer({ [decisions]: { status: 409, body } });
  open();
  give('yes');
  fireEvent.click(subject('approve-P1'));
  await waitFor(() => expect(subject('problem').textContent).toContain('read it again'));
  expect(subject('problem').textContent).toContain('c0ffee');
});

test('a viewer reads everything and has no button to decide', () => {
  open(false);
  expect(subject('sealed-P1').textContent).toContain('rollback payment-service');
  expect(absent('approve-P1')).toBe(true);
  expect(absent('reject-P1')).toBe(true);
  expect(absent('reason-P1')).toBe(true);
});

test('what was decided shows who, why and how it ended, and can not be decided again', () => {
  open();
  const outcome = subject('outcome-P2').textContent ?? '';
  expect(outcome).toContain('ada approved: cheap to try');
  expect(outcome).toContain('succeeded');
  expect(outcome).toContain('no effect');
  expect(absent('approve-P2')).toBe(true);
});

test('what has expired by the clock of the server can not be decided any more', async () => {
  const expires = incident.proposals[0].proposal.expires;
  answer({ 'GET /health': { body: { ...fixtures.health, now: expires } } });
  open();
  await waitFor(() => expect(subject('expired-P1').textContent).toContain('2026-11-24 13:45:20 UTC'));
  expect(absent('approve-P1')).toBe(true);
});

test('an approval that came to nothing says what changed', () => {
  const voided = { ...incident.proposals[0], stage: 'voided' as const, note: 'the target runs v2.4.2, not v2.4.1' };
  open(true, { ...incident, proposals: [voided] });
  expect(subject('voided-P1').textContent).toContain('the target runs v2.4.2, not v2.4.1');
  expect(absent('approve-P1')).toBe(true);
});

test('says why nothing is proposed', () => {
  open(true, { ...incident, proposals: [], nothing_to_propose: 'no change is to blame' });
  expect(subject('nothing').textContent).toContain('no change is to blame');
});
