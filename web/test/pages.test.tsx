import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { beforeEach, expect, test } from 'vitest';
import { App } from '../src/app';
import { incidentOf } from '../src/api/stream';
import type { ToolParameter } from '../src/api/types';
import { worries } from '../src/components/health';
import { body } from '../src/components/marks';
import { Markdown } from '../src/components/markdown';
import { Verified } from '../src/pages/audit';
import { typed } from '../src/pages/tools';
import { absent, answer, fixtures, show, subject, type Sent } from './page';

const id = fixtures.incident.incident_id;
const known = {
  'GET /me': { body: fixtures.me.responder },
  'GET /health': { body: fixtures.health },
};
const empty = {
  ...known,
  'GET /incidents': { body: { total: 0, items: [] } },
  'GET /services': { body: { window: fixtures.services.window, items: [] } },
};
const full = {
  ...known,
  [`GET /incidents/${id}`]: { body: fixtures.incident },
  [`GET /incidents/${id}/records`]: { body: fixtures.records },
  [`POST /incidents/${id}/notes`]: { body: fixtures.incident },
};
let sent: Sent[] = [];

beforeEach(() => {
  sent = [];
});

test('an empty store shows empty states, and no number that nobody measured', async () => {
  answer(empty);
  show(<App />);
  await screen.findByText('No incidents');
  await screen.findByText('No services');
  expect(document.querySelector('canvas')).toBeNull();
});

test('nobody logged in learns how to log in, and sees nothing else', async () => {
  answer({ 'GET /me': { status: 401, body: { title: 'Unauthorized', detail: 'no session' } } });
  show(<App />);
  await waitFor(() => expect(subject('login').textContent).toContain('datapulse token login-link'));
  expect(absent('incidents')).toBe(true);
});

test('choosing a status asks for the first page of it', async () => {
  const asked = answer({ ...empty, 'GET /incidents': { body: fixtures.incidents } });
  show(<App />);
  const status = await screen.findByLabelText('Any status');
  fireEvent.change(status, { target: { value: 'resolved' } });
  await waitFor(() => expect(asked.some((one) => one.params?.status === 'resolved' && one.params.offset === 0)).toBe(true));
});

test('a failing list says what failed', async () => {
  answer({ ...empty, 'GET /incidents': { status: 500, body: { title: 'Internal Server Error', detail: 'the journal is away', correlation_id: 'abc' } } });
  show(<App />);
  await waitFor(() => expect(document.body.textContent).toContain('the journal is away'));
});

test('silence never looks like health', async () => {
  answer({ ...empty, 'GET /health': { body: fixtures.health_bad } });
  show(<App />);
  await waitFor(() => expect(document.body.textContent).toContain('Sentinel is late'));
  expect(document.body.textContent).toContain('No telemetry has come in yet');
  expect(worries(fixtures.health)).toEqual([]);
  expect(worries({ ...fixtures.health, watching: false })[0]).toContain('Nobody watches');
});

test('the incident page shows findings with numbers, and its history with hostile text as text', async () => {
  answer(full);
  show(<App />, `/incidents/${id}`);
  await waitFor(() => expect(subject('records').textContent).toContain('note added'));
  expect(subject('findings').textContent).toContain('12.1 %');
  expect(subject('records').textContent).toContain('<img src=x onerror="alert(1)">');
  expect(subject('records').querySelector('img')).toBeNull();
  expect(subject('records').querySelector('a')).toBeNull();
});

test('a viewer is offered no marks', async () => {
  answer({ ...full, 'GET /me': { body: fixtures.me.viewer } });
  show(<App />, `/incidents/${id}`);
  await waitFor(() => expect(subject('records').textContent).toContain('opened'));
  expect(absent('mark-note')).toBe(true);
});

test('a note asks for its text and sends it', async () => {
  sent = answer(full);
  show(<App />, `/incidents/${id}`);
  await waitFor(() => subject('mark-note'));
  fireEvent.click(subject('mark-note'));
  expect(subject('mark-give')).toHaveProperty('disabled', true);
  fireEvent.change(subject('mark-text'), { target: { value: 'seen' } });
  fireEvent.click(subject('mark-give'));
  await waitFor(() => expect(sent.some((one) => one.method === 'POST')).toBe(true));
  expect(sent.find((one) => one.method === 'POST')).toMatchObject({ url: `/incidents/${id}/notes`, body: { text: 'seen' }, csrf: fixtures.me.responder.csrf_token });
});

test('every mark has the body that the API takes', () => {
  expect(body('acknowledge', '', '')).toEqual({ what: 'acknowledge', body: { note: null } });
  expect(body('severity', 'why', 'low').body).toEqual({ severity: 'low', reason: 'why' });
  expect(body('false_alarm', 'why', '').body).toEqual({ as: { kind: 'false_alarm' }, reason: 'why' });
  expect(body('duplicate', 'why', 'INC-1').body).toEqual({ as: { kind: 'duplicate', of: 'INC-1' }, reason: 'why' });
  expect(body('reopen', 'why', '')).toEqual({ what: 'reopen', body: { reason: 'why' } });
});

test('a runbook keeps its structure and none of its links or HTML', () => {
  show(<Markdown text={fixtures.runbooks.items[0].content} />);
  expect(document.querySelector('h3')?.textContent).toBe('What you see');
  expect(document.querySelectorAll('ol li')).toHaveLength(2);
  expect(document.querySelector('strong')?.textContent).toBe('new');
  expect(document.querySelector('a')).toBeNull();
  expect(document.querySelector('script')).toBeNull();
  expect(document.body.textContent).toContain('<script>alert(1)</script>');
  expect(document.body.textContent).toContain('[the wiki](https://evil.example)');
});

test('the audit names what no anchor covers, and what is damaged', () => {
  show(<Verified audit={fixtures.audit} />);
  expect(subject('audit-intact').textContent).toContain('INC-202611-ffffffffffff: no anchor covers records after 2');
  cleanup();
  show(<Verified audit={{ ...fixtures.audit, intact: false, faults: [`${id}:3: edited`] }} />);
  expect(subject('audit-damaged').textContent).toContain(`${id}:3: edited`);
});

test('typed parameters go out in their types, empty ones not at all', () => {
  const parameters: ToolParameter[] = [
    { name: 'limit', type: 'integer', description: '' },
    { name: 'services', type: 'keywords', description: '' },
    { name: 'text', type: 'keyword', description: '' },
  ];
  expect(typed(parameters, { limit: '20', services: 'a, b', text: ' ' })).toEqual({ limit: 20, services: ['a', 'b'] });
  expect(typed(parameters, { limit: 'many' })).toEqual({ limit: 'many' });
});

test('an event names its incident, or is left alone', () => {
  expect(incidentOf('{"incident_id":"INC-1","seq":2}')).toBe('INC-1');
  expect(incidentOf('not json')).toBeNull();
  expect(incidentOf('null')).toBeNull();
});
