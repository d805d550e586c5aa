import { fireEvent, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { App } from '../src/app';
import type { Hidden, Silence, SilencePage } from '../src/api/silences';
import { inWords } from '../src/components/records';
import { hours } from '../src/components/silence';
import { absent, answer, fixtures, show, subject } from './page';

const silence: Silence = {
  id: 'S202611-7', matchers: ['service = "cart"'], from: '2026-11-24T13:00:00.000Z', until: '2026-11-24T15:00:00.000Z', reason: 'the disks are changed',
  owner: { kind: 'person', name: 'Ada' }, made_at: '2026-11-24T13:00:00.000Z', phase: 'active', hides_until: '2026-11-24T15:00:00.000Z',
};
const over: Silence = {
  ...silence, id: 'S202611-5', matchers: ['team = "shop"'], phase: 'over', hides_until: null,
  weekly: { days: ['sat', 'sun'], from: '22:00', to: '06:00', zone: 'Europe/Berlin' },
  ended: { by: { kind: 'person', name: 'Bob' }, at: '2026-11-24T13:30:00.000Z', reason: 'done earlier' },
};
const page: SilencePage = { total: 23, items: [silence, over] };
const hidden: Hidden = {
  complete: false,
  items: [{
    incident_id: 'INC-202611-000000000001', title: 'cart fails', 'service.name': 'cart', severity: 'high', status: 'open', channel: 'chat', topic: 'incident', about: 1,
    held_at: '2026-11-24T13:10:00.000Z', told_at: null,
  }],
};

function open(more: Parameters<typeof answer>[0] = {}, me = fixtures.me.responder) {
  const sent = answer({
    'GET /me': { body: me },
    'GET /health': { body: fixtures.health },
    'GET /silences': { body: page },
    'GET /silences/S202611-7/hidden': { body: hidden },
    ...more,
  });
  show(<App />, '/silences');
  return sent;
}

const type = (name: string, value: string) => fireEvent.change(subject(name), { target: { value } });

test('silences are listed with what they hide, until when, whose they are and why', async () => {
  open();
  await waitFor(() => subject('hidden-by-S202611-7'));
  const text = subject('silences').textContent ?? '';
  for (const part of ['service = "cart"', 'hides now', '2026-11-24 15:00:00', 'Ada', 'the disks are changed']) expect(text).toContain(part);
  expect(text).toContain('sat,sun 22:00-06:00 Europe/Berlin');
  expect(text).toContain('2026-11-24 13:30:00');
  await waitFor(() => subject('end-S202611-7'));
  expect(absent('end-S202611-5')).toBe(true);
});

test('the list is filtered, sorted and paged by the server', async () => {
  const sent = open();
  await waitFor(() => subject('hidden-by-S202611-7'));
  const last = () => sent.filter(({ url }) => url === '/silences').at(-1)?.params;
  expect(last()).toMatchObject({ offset: 0, limit: 10, sort: '-made_at' });
  type('silence-phase', 'active');
  await waitFor(() => expect(last()).toMatchObject({ phase: 'active', offset: 0 }));
  fireEvent.click(subject('pagination-button-1'));
  await waitFor(() => expect(last()).toMatchObject({ offset: 10 }));
  const until = [...document.querySelectorAll('button')].find((button) => button.textContent?.startsWith('Until (UTC)'));
  fireEvent.click(until!);
  await waitFor(() => expect(last()?.sort).toBe('until'));
});

test('a silence is made with its conditions, its length and a reason', async () => {
  const sent = open({ 'POST /silences': { status: 201, body: silence } });
  await waitFor(() => subject('add-silence'));
  fireEvent.click(subject('add-silence'));
  expect(subject('silence-give').hasAttribute('disabled')).toBe(true);
  type('silence-matchers', 'service = "cart"\n\n severity != "critical" ');
  type('silence-length', '14400');
  type('silence-reason', 'the disks are changed');
  fireEvent.click(subject('silence-give'));
  await waitFor(() => expect(absent('silence-dialog')).toBe(true));
  const made = sent.find(({ method }) => method === 'POST');
  expect(made?.body).toEqual({ matchers: ['service = "cart"', 'severity != "critical"'], for_s: 14_400, reason: 'the disks are changed' });
});

test('a maintenance window has hours, and a refusal is shown in the words of the API', async () => {
  const sent = open({ 'POST /silences': { status: 400, body: { title: 'Bad Request', detail: 'weekly.zone: expected a time zone' } } });
  await waitFor(() => subject('add-silence'));
  fireEvent.click(subject('add-silence'));
  type('silence-matchers', 'service = "cart"');
  type('silence-reason', 'every weekend');
  fireEvent.click(subject('silence-weekly'));
  type('silence-days', 'sat, sun');
  type('silence-zone', 'Mars/Base');
  fireEvent.click(subject('silence-give'));
  await waitFor(() => expect(subject('problem').textContent).toContain('weekly.zone'));
  const weekly = { days: ['sat', 'sun'], from: '22:00', to: '06:00', zone: 'Mars/Base' };
  expect(sent.find(({ method }) => method === 'POST')?.body).toEqual({ matchers: ['service = "cart"'], for_s: 2_592_000, weekly, reason: 'every weekend' });
});

test('it is ended with a reason', async () => {
  const sent = open({ 'POST /silences/S202611-7/end': { body: { ...silence, phase: 'over' } } });
  await waitFor(() => subject('end-S202611-7'));
  fireEvent.click(subject('end-S202611-7'));
  type('ask-reason', 'done earlier');
  fireEvent.click(subject('ask-give'));
  await waitFor(() => expect(absent('ask-dialog')).toBe(true));
  expect(sent.find(({ method }) => method === 'POST')?.body).toEqual({ reason: 'done earlier' });
});

test('what it hid is shown, with whether it was told afterwards, and that there was more', async () => {
  open();
  await waitFor(() => subject('hidden-by-S202611-7'));
  fireEvent.click(subject('hidden-by-S202611-7'));
  await waitFor(() => expect(subject('hidden').textContent).toContain('cart fails'));
  for (const part of ['chat', 'not told', 'only the latest incidents were read']) expect(subject('hidden').textContent).toContain(part);
});

test('whoever only looks makes and ends none', async () => {
  open({}, fixtures.me.viewer);
  await waitFor(() => subject('hidden-by-S202611-7'));
  expect(absent('add-silence') && absent('end-S202611-7')).toBe(true);
});

test('an incident is snoozed from its menu', async () => {
  const { incident } = fixtures;
  const path = `/incidents/${incident.incident_id}`;
  const sent = answer({
    'GET /me': { body: fixtures.me.responder },
    'GET /health': { body: fixtures.health },
    [`GET ${path}`]: { body: { ...incident, status: 'open' } },
    [`GET ${path}/records`]: { body: fixtures.records },
    [`POST ${path}/snooze`]: { body: incident },
  });
  show(<App />, path);
  await waitFor(() => subject('more'));
  fireEvent.click(subject('more'));
  await waitFor(() => subject('more-snooze'));
  fireEvent.click(subject('more-snooze'));
  type('snooze-length', '7200');
  type('snooze-reason', 'after lunch');
  fireEvent.click(subject('snooze-give'));
  await waitFor(() => expect(absent('snooze-dialog')).toBe(true));
  expect(sent.find(({ method }) => method === 'POST')?.body).toEqual({ for_s: 7_200, reason: 'after lunch' });
});

test('what was held is told in words', () => {
  const held = (by: object) => inWords({ kind: 'notice_held', channel: 'chat', topic: 'person_needed', about: 2, by });
  expect(held({ kind: 'silence', silence: 'S202611-7' })).toBe('chat about person needed: the silence S202611-7');
  expect(held({ kind: 'callee', incident: 'INC-1', path: ['web', 'db'] })).toBe('chat about person needed: INC-1 of a service that it calls (web – db)');
  expect(held({ kind: 'flapping', reopened: 3 })).toBe('chat about person needed: flapping');
  expect(inWords({ kind: 'snoozed', until: '2026-11-24T15:00:00.000Z', reason: 'later' })).toBe('until 2026-11-24 15:00:00 UTC: later');
  expect(hours({ days: [], from: '22:00', to: '06:00', zone: 'UTC' })).toBe('every day 22:00-06:00 UTC');
});
