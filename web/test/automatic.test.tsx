import { cleanup, fireEvent, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { ProposalState } from '../src/api/types';
import { ResolverFlyout } from '../src/flyouts/resolver';
import { absent, answer, fixtures, show, subject } from './page';

const incident = fixtures.incident;
const [pending] = incident.proposals;
const automation = { rule: 'more of the shop', at: '2026-11-24T13:16:00.000Z', reasons: ['92 % sure', '20 of 21 confirmed'] };

function open(more: Partial<ProposalState>, canApprove = true, status = incident.status) {
  const sent = answer({ 'GET /me': { body: fixtures.me.responder }, [`POST /incidents/${incident.incident_id}/proposals/P1/decisions`]: { status: 201, body: incident } });
  show(<ResolverFlyout incident={{ ...incident, status, proposals: [{ ...pending, stage: 'approved', automation, ...more }] }} canApprove={canApprove} onClose={() => undefined} />);
  return sent;
}

const said = () => subject('automatic-P1').textContent ?? '';

test('what runs without a person says by which rule, why, and what holds it', () => {
  open({});
  for (const part of ['Runs without a person, by the rule “more of the shop”', '92 % sure', '20 of 21 confirmed', 'A no, a withdrawal or a stop before it begins holds it.']) expect(said()).toContain(part);
});

test('a no stops it, with a reason and the seal that was read', async () => {
  const sent = open({});
  fireEvent.click(subject('no-P1'));
  await waitFor(() => subject('ask-reason'));
  fireEvent.change(subject('ask-reason'), { target: { value: ' the sale begins ' } });
  fireEvent.click(subject('ask-give'));
  await waitFor(() => expect(sent.filter((one) => one.method === 'POST').map((one) => one.body)).toEqual([{ seal: pending.seal, approve: false, reason: 'the sale begins' }]));
});

test('a viewer reads it and has no no; while it waits, the no is beside the yes', () => {
  open({}, false);
  expect(said()).toContain('Runs without a person');
  expect(absent('no-P1')).toBe(true);
  cleanup();
  open({ stage: 'pending' });
  expect(absent('no-P1')).toBe(true);
  expect(absent('reject-P1')).toBe(false);
});

test('shadow says what would have run, and nothing holds what does not run', () => {
  open({ stage: 'pending', automation: { ...automation, shadow: true } });
  expect(said()).toContain('Would have run without a person, by the rule “more of the shop”');
  expect(said()).not.toContain('holds it');
  expect(absent('no-P1')).toBe(true);
});

test('what somebody stopped says so, and what has begun can not be stopped', () => {
  open({ stage: 'rejected', automation: { ...automation, void: 'Bob said no: not now' } });
  expect(said()).toContain('Was to run without a person');
  expect(said()).toContain('Stopped: Bob said no: not now');
  expect(absent('no-P1')).toBe(true);
  cleanup();
  open({ stage: 'executing', started_at: '2026-11-24T13:17:00.000Z' });
  expect(said()).toContain('Ran without a person');
  expect(said()).not.toContain('holds it');
  expect(absent('no-P1')).toBe(true);
});

test('what is people\'s alone has no such word', () => {
  open({ automation: undefined });
  expect(absent('automatic-P1')).toBe(true);
});
