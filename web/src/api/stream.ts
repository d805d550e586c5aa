import { useEffect, useState } from 'react';
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { BASE } from './client';

export type StreamState = 'connecting' | 'live' | 'away';

/** Several records of one commit become one question. */
const SETTLE_MS = 250;
const RETRY_FROM_MS = 1_000;
const RETRY_UP_TO_MS = 15_000;

/** Keeps what is shown as new as the journal: each record that comes makes the queries it touches ask again. */
export function useStream(enabled: boolean): StreamState {
  const queries = useQueryClient();
  const [state, setState] = useState<StreamState>('connecting');
  useEffect(() => {
    if (!enabled || typeof EventSource === 'undefined') return undefined;
    return listen(queries, setState);
  }, [enabled, queries]);
  return state;
}

function listen(queries: QueryClient, tell: (state: StreamState) => void): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let settle: ReturnType<typeof setTimeout> | undefined;
  let pause = RETRY_FROM_MS;
  let wasAway = false;
  const touched = new Set<string>();

  const flush = () => {
    settle = undefined;
    for (const id of touched) void queries.invalidateQueries({ queryKey: ['incident', id] });
    touched.clear();
    for (const key of ['incidents', 'services', 'health', 'audit']) void queries.invalidateQueries({ queryKey: [key] });
  };
  const hear = (event: MessageEvent<string>) => {
    const id = incidentOf(event.data);
    if (id) touched.add(id);
    settle ??= setTimeout(flush, SETTLE_MS);
  };
  const connect = () => {
    source = new EventSource(`${BASE}/stream`, { withCredentials: true });
    source.onopen = () => {
      tell('live');
      pause = RETRY_FROM_MS;
      // What happened while nobody listened is not sent again.
      if (wasAway) void queries.invalidateQueries();
      wasAway = false;
    };
    source.onerror = () => {
      source?.close();
      wasAway = true;
      tell('away');
      timer = setTimeout(connect, pause);
      pause = Math.min(pause * 2, RETRY_UP_TO_MS);
    };
    source.addEventListener('incident', hear);
    source.addEventListener('health', (event: MessageEvent<string>) => queries.setQueryData(['health'], parsed(event.data)));
    // The gateway had to leave something out: everything is read again.
    source.addEventListener('resync', () => void queries.invalidateQueries());
  };
  connect();
  return () => {
    source?.close();
    clearTimeout(timer);
    clearTimeout(settle);
  };
}

/** The incident that an event is about, where it names one. */
export function incidentOf(data: string): string | null {
  const value = parsed(data);
  if (typeof value !== 'object' || value === null) return null;
  const id = (value as Record<string, unknown>).incident_id;
  return typeof id === 'string' ? id : null;
}

/** Undefined where it can't be read: what is shown stays. */
function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
