import { fireEvent, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { App } from '../src/app';
import type { Finding, Incident } from '../src/api/types';
import { StatusHealth } from '../src/components/badges';
import { inWords } from '../src/components/records';
import { RcaFlyout } from '../src/flyouts/rca';
import { findingNames, isFinal, isOver } from '../src/format';
import { absent, answer, fixtures, show, subject } from './page';

const incident = fixtures.incident;
const id = incident.incident_id;
const by = { kind: 'person' as const, subject: 'person:ada', name: 'Ada', via: 'session' };
const at = '2026-11-24T13:20:00.000Z';
const [first] = incident.findings;
const tie = { by, at, reason: 'one trouble' };
const split = (into: string, ...names: string[]) => ({ ...tie, into, findings: names.map((name) => ({ id: name, finding: first })) });

function open(shown: Incident, more: Parameters<typeof answer>[0] = {}) {
  answer({
    'GET /me': { body: fixtures.me.responder },
    'GET /health': { body: fixtures.health },
    [`GET /incidents/${id}`]: { body: shown },
    [`GET /incidents/${id}/records`]: { body: fixtures.records },
    ...more,
  });
  show(<App />, `/incidents/${id}`);
}

test('a name stays with its finding: what was split off leaves a gap', () => {
  const names = (findings: Finding[], ...gone: ReturnType<typeof split>[]) => findingNames({ findings, split_into: gone });
  expect(findingNames({ findings: [first, first] })).toEqual(['F1', 'F2']);
  expect(names([first, first], split('INC-2', 'F2'))).toEqual(['F1', 'F3']);
  expect(names([first, first, first], split('INC-2', 'F5', 'F3'), split('INC-3', 'F2'))).toEqual(['F1', 'F4', 'F6']);
});

test('the page names findings past those that were split off, and links to where they went', async () => {
  const into = 'INC-202611-000000000003';
  open({ ...incident, findings: [first, first], split_into: [split(into, 'F2')] });
  await waitFor(() => subject('finding-F3'));
  expect(absent('finding-F2')).toBe(true);
  expect(subject('split-into').textContent).toBe(`Findings split off into ${into} (F2)`);
  expect(subject(`to-${into}`).getAttribute('href')).toBe(`/incidents/${into}`);
});

test('a voided incident says so, and takes notes alone', async () => {
  open({ ...incident, status: 'voided', voided: { by, at, reason: 'a drill' } });
  await waitFor(() => expect(subject('voided').textContent).toContain('Voided by Ada at 2026-11-24 13:20:00 UTC'));
  for (const part of ['a drill', "can't be reopened", 'Nothing was deleted']) expect(subject('voided').textContent).toContain(part);
  await waitFor(() => subject('mark-note'));
  for (const name of ['more', 'mark-acknowledge', 'mark-reopen', 'mark-false_alarm']) expect(absent(name)).toBe(true);
  expect(subject('open-resolver').textContent).toBe('Proposals');
});

test('a merged incident leads to where its story goes on', async () => {
  const into = 'INC-202611-000000000002';
  const stays: Incident = { ...incident, incident_id: into, title: 'The one that stays', absorbed: [{ ...tie, incident: id, findings: ['F2'], notes: [] }], split_from: 'INC-202611-000000000009' };
  open({ ...incident, status: 'closed', merged_into: { ...tie, into } }, { [`GET /incidents/${into}`]: { body: stays } });
  await waitFor(() => expect(subject('merged-into').textContent).toContain(`goes on in ${into}`));
  await waitFor(() => subject('mark-note'));
  for (const name of ['more', 'mark-reopen']) expect(absent(name)).toBe(true);
  fireEvent.click(subject(`to-${into}`));
  await waitFor(() => expect(subject('absorbed').textContent).toBe(`Merged into this one: ${id} (F2)`));
  expect(subject('split-from').textContent).toContain('INC-202611-000000000009');
});

test('a report that explains what is no longer this incident is doubted, on the page and beside the report', async () => {
  open({ ...incident, doubt: 'raised' });
  await waitFor(() => expect(subject('doubt').textContent).toContain('The report explains what is no longer this incident'));
});

test('looked at again in vain, it is a turn of people', () => {
  show(<RcaFlyout incident={{ ...incident, doubt: 'remains' }} canJudge onClose={() => undefined} />);
  expect(subject('doubt').textContent).toContain("it is a person's turn");
});

test('voided is over and final, and has its word', () => {
  expect(isOver({ status: 'voided' })).toBe(true);
  expect([isFinal(incident), isFinal({ voided: { by, at, reason: '' } }), isFinal({ merged_into: { ...tie, into: 'INC-2' } })]).toEqual([false, true, true]);
  show(<StatusHealth status="voided" />);
  expect(document.body.textContent).toContain('voided');
});

test('records of what people make of an incident are told in words', () => {
  const person = { kind: 'person', name: 'Grace' };
  expect(inWords({ kind: 'edited', title: 'Payments fail', impact: '' })).toBe('title: Payments fail; impact taken away');
  expect(inWords({ kind: 'edited', impact: 'the EU' })).toBe('impact: the EU');
  expect(inWords({ kind: 'assigned', to: { kind: 'team', name: 'Payments' }, reason: 'theirs' })).toBe('to the team Payments: theirs');
  expect(inWords({ kind: 'handed_over', from: 'Ada', to: person, note: 'half done' })).toBe('from Ada to Grace: half done');
  expect(inWords({ kind: 'merged_into', into: 'INC-2', reason: 'one trouble' })).toBe('INC-2: one trouble');
  expect(inWords({ kind: 'absorbed', incident: 'INC-1', findings: [first], notes: [2, 3], reason: 'one trouble' })).toBe('INC-1 with 1 finding and 2 notes: one trouble');
  expect(inWords({ kind: 'split_off', findings: ['F2', 'F4'], into: 'INC-3', reason: 'another' })).toBe('F2, F4 into INC-3: another');
  expect(inWords({ kind: 'voided', reason: 'a drill' })).toBe('no incident: a drill');
  expect(inWords({ kind: 'automation_decided', proposal: 'P1', rule: 'more', reasons: ['sure', 'cheap'] })).toBe('P1 runs without a person, by the rule more: sure; cheap');
});
