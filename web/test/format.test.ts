import { expect, test } from 'vitest';
import { confidence, findingSays, measured, milliseconds, moment, number, percent } from '../src/format';
import { worstFirst } from '../src/pages/dashboard';
import { fixtures } from './page';

test('what was not measured is a dash, never a zero', () => {
  for (const format of [percent, number, milliseconds, confidence]) expect([format(null), format(undefined)]).toEqual(['–', '–']);
  expect(percent(0)).toBe('0.0 %');
  expect(moment(null)).toBe('–');
});

test('a probability is shown as certain only where it is', () => {
  expect([0, 0.001, 0.42, 0.996, 1].map(confidence)).toEqual(['0 %', '< 1 %', '42 %', '> 99 %', '100 %']);
});

test('measured values carry the unit of their finding', () => {
  expect(measured(0.121, 'ratio')).toBe('12.1 %');
  expect(measured(2_210, 'ms')).toBe('2,210 ms');
  expect(measured(12_000, 'ms')).toBe('12 s');
});

test('a metric, whose unit nobody says, is told by its name and what is usual', () => {
  const [finding] = fixtures.incident.findings;
  const metric = { ...finding, signal: 'metric' as const, unit: '', observed: 340, threshold: 194 };
  metric.evidence = { ...finding.evidence, parameters: { metric: 'db.pool.waiting' } };
  expect(findingSays(metric)).toBe('db.pool.waiting 340, usually at most 194');
  expect(findingSays({ ...metric, observed: 3 })).toBe('db.pool.waiting 3, usually at least 194');
});

test('services with incidents come first, then the most critical, unknown criticality last', () => {
  const [first] = fixtures.services.items;
  const service = (name: string, open_incidents: number, criticality: number | null) => ({ ...first, 'service.name': name, open_incidents, criticality });
  const order = worstFirst([service('d', 0, null), service('c', 0, 2), service('b', 0, 1), service('a', 1, 4)]);
  expect(order.map((one) => one['service.name'])).toEqual(['a', 'b', 'c', 'd']);
});
