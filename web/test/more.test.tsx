import { fireEvent, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { App } from '../src/app';
import type { Finding, Incident, Me, Summary } from '../src/api/types';
import { absent, answer, fixtures, show, subject, type Sent } from './page';

const [first] = fixtures.incident.findings;
const second: Finding = { ...first, subject: { 'service.name': 'cart-service' } };
const third: Finding = { ...first, subject: { 'service.name': 'checkout-service' } };
/** Two findings, Ada has it, and nothing was executed for it. */
const incident: Incident = { ...fixtures.incident, owner: 'ada', findings: [first, second], proposals: [fixtures.incident.proposals[0]] };
const id = incident.incident_id;
const other: Summary = { ...fixtures.incidents.items[0], incident_id: 'INC-202611-000000000002', title: 'The cart is slow', status: 'open' };

function open(shown: Incident = incident, me: Me = fixtures.me.responder, more: Parameters<typeof answer>[0] = {}): Sent[] {
  const done = ['edit', 'assign', 'handover', 'merge', 'split', 'void'].map((what) => [`POST /incidents/${id}/${what}`, { body: shown }]);
  const sent = answer({
    'GET /me': { body: me },
    'GET /health': { body: fixtures.health },
    [`GET /incidents/${id}`]: { body: shown },
    [`GET /incidents/${id}/records`]: { body: fixtures.records },
    'GET /incidents': { body: { total: 2, items: [other, { ...other, incident_id: id }] } },
    ...Object.fromEntries(done),
    ...more,
  });
  show(<App />, `/incidents/${id}`);
  return sent;
}

async function choose(what: string) {
  await waitFor(() => subject('more'));
  fireEvent.click(subject('more'));
  await waitFor(() => subject(`more-${what}`));
  fireEvent.click(subject(`more-${what}`));
  await waitFor(() => subject(`${what}-give`));
}

const fill = (name: string, value: string) => fireEvent.change(subject(name), { target: { value } });

/** Nothing goes out before all is there; then this does. */
async function gives(sent: Sent[], what: string, body: unknown) {
  expect(subject(`${what}-give`)).toHaveProperty('disabled', false);
  fireEvent.click(subject(`${what}-give`));
  await waitFor(() => expect(sent.filter((one) => one.method === 'POST')).toMatchObject([{ url: `/incidents/${id}/${what}`, body }]));
  await waitFor(() => expect(absent(`${what}-give`)).toBe(true));
}

test('an edit sends only what was changed', async () => {
  const sent = open({ ...incident, impact: 'nobody' });
  await choose('edit');
  expect(subject('edit-give')).toHaveProperty('disabled', true);
  fill('edit-impact', ' Customers in the EU can not pay. ');
  await gives(sent, 'edit', { impact: 'Customers in the EU can not pay.' });
  expect(sent.find((one) => one.method === 'POST')?.body).not.toHaveProperty('title');
});

test('an emptied impact takes it away, an emptied title is none', async () => {
  const sent = open({ ...incident, impact: 'nobody' });
  await choose('edit');
  fill('edit-impact', '');
  fill('edit-title-text', ' ');
  expect(subject('edit-give')).toHaveProperty('disabled', true);
  fill('edit-title-text', 'Payments fail');
  await gives(sent, 'edit', { title: 'Payments fail', impact: '' });
});

test('it is assigned to a person or a team, with a reason', async () => {
  const sent = open();
  await choose('assign');
  fill('assign-name', ' Payments ');
  fill('assign-kind', 'team');
  expect(subject('assign-give')).toHaveProperty('disabled', true);
  fill('assign-reason', 'it is theirs');
  await gives(sent, 'assign', { to: { kind: 'team', name: 'Payments' }, reason: 'it is theirs' });
});

test('whoever has it hands it over, as they saw it', async () => {
  const sent = open();
  await choose('handover');
  fill('handover-name', 'Grace');
  fill('handover-note', 'rolled back, not yet checked');
  await gives(sent, 'handover', { from: 'ada', to: { kind: 'person', name: 'Grace' }, note: 'rolled back, not yet checked' });
});

test('what somebody else has is not handed over, but assigned', async () => {
  open({ ...incident, owner: 'Bob' });
  await waitFor(() => subject('more'));
  fireEvent.click(subject('more'));
  await waitFor(() => expect(subject('more-handover')).toHaveProperty('disabled', true));
  expect(subject('more-assign')).toHaveProperty('disabled', false);
});

test('it is merged into another open incident, where the page goes then', async () => {
  const stays: Incident = { ...incident, incident_id: other.incident_id, title: 'The one that stays' };
  const sent = open(incident, fixtures.me.responder, { [`POST /incidents/${id}/merge`]: { body: stays }, [`GET /incidents/${other.incident_id}`]: { body: stays } });
  await choose('merge');
  await waitFor(() => subject(`merge-${other.incident_id}`));
  expect(absent(`merge-${id}`)).toBe(true);
  expect(sent.find((one) => one.url === '/incidents')?.params?.status).not.toMatch(/resolved|closed|voided/);
  fill('merge-search', 'cart');
  await waitFor(() => expect(sent.some((one) => one.params?.text === 'cart')).toBe(true));
  fireEvent.click(subject(`merge-${other.incident_id}`));
  fill('merge-reason', 'one trouble');
  await gives(sent, 'merge', { into: other.incident_id, reason: 'one trouble' });
  await waitFor(() => expect(subject('incident-head').textContent).toContain('The one that stays'));
});

test('findings but the first are split off, by their names', async () => {
  const gone = { into: 'INC-202611-000000000003', by: { kind: 'person' as const, subject: 'person:ada', name: 'ada', via: 'session' }, at: incident.opened_at, reason: 'another', findings: [{ id: 'F2', finding: second }] };
  const sent = open({ ...incident, findings: [first, third], split_into: [gone] });
  await choose('split');
  for (const name of ['split-F1', 'split-F2']) expect(absent(name)).toBe(true);
  expect(subject('split-dialog').textContent).toContain('F3 · checkout-service');
  fireEvent.click(subject('split-F3'));
  fill('split-title-text', 'The checkout is slow');
  expect(subject('split-give')).toHaveProperty('disabled', true);
  fill('split-reason', 'another trouble');
  await gives(sent, 'split', { findings: ['F3'], title: 'The checkout is slow', reason: 'another trouble' });
});

test('a void says what it means, and needs a reason', async () => {
  const sent = open();
  await choose('void');
  for (const part of ['Nothing is deleted', 'leaves lists and statistics', "can't be reopened"]) expect(subject('void-dialog').textContent).toContain(part);
  expect(subject('void-give')).toHaveProperty('disabled', true);
  fill('void-reason', ' a drill ');
  await gives(sent, 'void', { reason: 'a drill' });
});

test('a refusal is shown in the dialog, in the words of the API', async () => {
  open(incident, fixtures.me.responder, { [`POST /incidents/${id}/void`]: { status: 409, body: { title: 'Conflict', detail: 'voided refused: INC-1 was merged into it' } } });
  await choose('void');
  fill('void-reason', 'a drill');
  fireEvent.click(subject('void-give'));
  await waitFor(() => expect(subject('void-dialog').textContent).toContain('INC-1 was merged into it'));
});

test('what was executed for, is alone or runs can not be voided, split or merged', async () => {
  const proposals = [{ ...incident.proposals[0], stage: 'executing' as const, started_at: incident.updated_at }];
  open({ ...incident, findings: [first], proposals });
  await waitFor(() => subject('more'));
  fireEvent.click(subject('more'));
  await waitFor(() => subject('more-void'));
  for (const name of ['merge', 'split', 'void']) expect(subject(`more-${name}`)).toHaveProperty('disabled', true);
});

test('a viewer and a machine have no menu, and a viewer no mark', async () => {
  open(incident, { ...fixtures.me.responder, person: false });
  await waitFor(() => subject('mark-note'));
  expect(absent('more')).toBe(true);
});

test('a viewer reads whose it is, whom it hurts and what it is tied to', async () => {
  open({ ...incident, team: 'Payments', impact: 'Nobody can pay.' }, fixtures.me.viewer);
  await waitFor(() => expect(subject('team').textContent).toBe('team Payments'));
  expect(subject('impact').textContent).toContain('Nobody can pay.');
  await waitFor(() => expect(subject('records').textContent).toContain('opened'));
  for (const name of ['more', 'mark-note']) expect(absent(name)).toBe(true);
});
