import type { Action, Actor, Cause, Finding, Incident, Json } from './api/types';

const NOTHING = '–';

const two = (value: number) => String(value).padStart(2, '0');

/** UTC, to the second: what several people in several places read alike. */
export function moment(text: string | null | undefined): string {
  if (!text) return NOTHING;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} ${clock(text)}`;
}

export function clock(text: string | null | undefined): string {
  if (!text) return NOTHING;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

export function percent(share: number | null | undefined, digits = 1): string {
  return share === null || share === undefined ? NOTHING : `${(share * 100).toFixed(digits)} %`;
}

/** A probability that is neither 0 nor 1 is shown as neither. */
export function confidence(share: number | null | undefined): string {
  if (share === null || share === undefined) return NOTHING;
  if (share > 0 && share < 0.005) return '< 1 %';
  if (share >= 0.995 && share < 1) return '> 99 %';
  return percent(share, 0);
}

export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  const digits = Math.abs(value) >= 100 ? 0 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  return value >= 10_000 ? `${number(value / 1_000)} s` : `${number(value)} ms`;
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

/** A measured value in the unit that its finding names. */
export function measured(value: number, unit: string): string {
  if (unit === 'ratio' || unit === 'share') return percent(value);
  if (unit === '%' || unit === 'percent') return `${number(value)} %`;
  if (unit === 'ms') return milliseconds(value);
  if (unit === 's') return duration(value);
  return unit ? `${number(value)} ${unit}` : number(value);
}

/** `awaiting_approval` as `awaiting approval`. */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}

export function who(actor: Actor): string {
  return actor.kind === 'agent' ? actor.agent : actor.name;
}

/** A value from telemetry as one line of text. */
export function cell(value: Json): string {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  return JSON.stringify(value);
}

export function action(it: Action): string {
  const parameters = Object.entries(it.parameters).map(([key, value]) => `${key} ${cell(value)}`);
  const rest = parameters.length > 0 ? ` (${parameters.join(', ')})` : '';
  return `${words(it.kind)} ${it.target}${rest}`;
}

export function place(cause: Cause): string {
  return cause.kind === 'outside' ? cause.dependency : cause['service.name'];
}

export function causeKind(cause: Cause): string {
  switch (cause.kind) {
    case 'service':
      return cause['service.node.name'] ? `one instance: ${cause['service.node.name']}` : 'service';
    case 'change':
      return `change: ${cause.change_kind} ${cause['deployment.id']}`;
    case 'outside':
      return 'outside dependency';
    case 'load':
      return 'load';
  }
}

/** What a finding saw, with its numbers. */
export function findingSays(it: Finding): string {
  if (it.signal === 'silence' || it.signal === 'declared') return words(it.signal);
  if (it.rule === 'ml-anomaly') return `anomaly score ${number(it.observed)}, ${it.held_against} ${number(it.threshold)}`;
  if (it.signal === 'metric') {
    const side = it.observed < it.threshold ? 'at least' : 'at most';
    return `${cell(it.evidence.parameters.metric ?? 'metric')} ${number(it.observed)}, usually ${side} ${number(it.threshold)}`;
  }
  const observed = measured(it.observed, it.unit);
  return `${words(it.signal)} ${observed}, ${it.held_against} ${measured(it.threshold, it.unit)}`;
}

export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

/** Nothing is decided on it any more, unless it is reopened. */
export function isOver({ status }: Pick<Incident, 'status'>): boolean {
  return status === 'resolved' || status === 'closed' || status === 'voided';
}

/** Voided or merged: nothing but notes can follow, and nobody can reopen it. */
export function isFinal({ voided, merged_into }: Pick<Incident, 'voided' | 'merged_into'>): boolean {
  return Boolean(voided ?? merged_into);
}

/** What its findings are called, in order. A name stays with its finding: that of one which was split off isn't given again. */
export function findingNames({ findings, split_into }: Pick<Incident, 'findings' | 'split_into'>): string[] {
  const gone = new Set(split_into?.flatMap((split) => split.findings.map((finding) => finding.id)));
  const names: string[] = [];
  for (let number = 1; names.length < findings.length; number += 1) {
    if (!gone.has(`F${number}`)) names.push(`F${number}`);
  }
  return names;
}

export function incidentPath(id: string): string {
  return `/incidents/${encodeURIComponent(id)}`;
}

export function servicePath(service: string): string {
  return `/services/${encodeURIComponent(service)}`;
}
