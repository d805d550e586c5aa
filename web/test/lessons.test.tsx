import { fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { AnswerScore, Incident, Similar } from '../src/api/types';
import { AnswerBands } from '../src/components/answers';
import { Judge } from '../src/components/judge';
import { SimilarIncidents } from '../src/components/similar';
import { absent, answer, fixtures, show, subject } from './page';

const incident = fixtures.incident;
const path = `POST /incidents/${incident.incident_id}/feedback`;

test('a right answer is marked with one click', async () => {
  const sent = answer({ [path]: { body: incident } });
  show(<Judge incident={incident} canJudge />);
  fireEvent.click(subject('judge-right'));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]!.body).toEqual({ right: true });
});

test('a wrong answer may name another hypothesis, a service, or nothing', async () => {
  const sent = answer({ [path]: { body: incident } });
  show(<Judge incident={incident} canJudge />);
  fireEvent.click(subject('judge-wrong'));
  const second = incident.report!.hypotheses[1]!;
  fireEvent.change(subject('judge-cause'), { target: { value: second.id } });
  fireEvent.change(subject('judge-note'), { target: { value: 'the disk was full' } });
  fireEvent.click(subject('judge-give'));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]!.body).toEqual({ right: false, cause: second.cause, note: 'the disk was full' });
  fireEvent.click(await screen.findByText('Wrong'));
  fireEvent.change(subject('judge-cause'), { target: { value: 'other' } });
  expect(subject('judge-give')).toHaveProperty('disabled', true);
  fireEvent.change(subject('judge-service'), { target: { value: 'ledger' } });
  fireEvent.click(subject('judge-give'));
  await waitFor(() => expect(sent).toHaveLength(2));
  expect(sent[1]!.body).toEqual({ right: false, cause: { kind: 'service', 'service.name': 'ledger' }, note: null });
});

test('what was said is shown to all, the buttons to those who may', () => {
  const feedback: Incident['feedback'] = { by: 'Ada', at: '2026-11-24T14:00:00.000Z', right: false, said: incident.report!.hypotheses[0]!.cause, confidence: 0.87, cause: { kind: 'outside', dependency: 'the bank' }, note: null };
  show(<Judge incident={{ ...incident, feedback }} canJudge={false} />);
  expect(subject('judged').textContent).toContain('Ada says that this is wrong: it was the bank');
  expect(absent('judge-right')).toBe(true);
});

test('similar incidents say what it was and what helped', async () => {
  const one: Similar = {
    incident_id: 'INC-202610-000000000001', title: 'x', status: 'resolved', 'service.name': 'checkout', opened_at: '2026-10-24T14:00:00.000Z', resolved_at: null,
    likeness: 0.83, shared: ['cause in payment', 'error-rate of checkout'], cause: 'service payment', cause_is_right: true, helped: 'rollback payment (P1)',
  };
  answer({ [`GET /incidents/${incident.incident_id}/similar`]: { body: { items: [one] } } });
  show(<SimilarIncidents incident={incident.incident_id} />);
  await screen.findByText('rollback payment (P1)');
  const text = subject('similar').textContent ?? '';
  for (const part of ['83 %', 'service payment', 'confirmed', 'cause in payment; error-rate of checkout']) expect(text).toContain(part);
});

test('bands of confidence show what was said and what was', () => {
  const none = { judged: 0, right: 0, said: null, was: null, interval: null };
  const score: AnswerScore = {
    answered: 12, judged: 10, right: 8, brier: 0.17, brier_of_constant: 0.16,
    bands: [{ from: 0, to: 0.5, ...none }, { from: 0.5, to: 1, judged: 10, right: 8, said: 0.9, was: 0.8, interval: [0.49, 0.943] }],
  };
  show(<AnswerBands score={score} />);
  expect(subject('answers-judged').textContent).toContain('12 incidents with an answer, 10 judged, 8 right. Brier score 0.170');
  expect(screen.getByText('none judged')).toBeTruthy();
  expect(screen.getByText('49 % to 94 %')).toBeTruthy();
});
