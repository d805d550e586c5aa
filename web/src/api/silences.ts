import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { http } from './client';
import type { Severity, Status } from './types';

export type Phase = 'active' | 'waiting' | 'over';

/** Hours of every week, by the clocks of one zone. */
export interface Weekly {
  days: string[];
  from: string;
  to: string;
  zone: string;
}

export interface Silence {
  id: string;
  matchers: string[];
  from: string;
  until: string;
  weekly?: Weekly | null;
  reason: string;
  owner: { kind: string; name?: string };
  made_at: string;
  ended?: { by: { kind: string; name?: string }; at: string; reason: string } | null;
  phase: Phase;
  hides_until: string | null;
}

export interface SilencePage {
  total: number;
  items: Silence[];
}

export interface SilenceRequest {
  matchers: string[];
  for_s: number;
  weekly?: Weekly;
  reason: string;
}

export interface HiddenNotice {
  incident_id: string;
  title: string;
  'service.name': string;
  severity: Severity;
  status: Status;
  channel: string;
  topic: string;
  about: number;
  held_at: string;
  told_at: string | null;
}

export interface Hidden {
  items: HiddenNotice[];
  /** There was no more than one answer reads. */
  complete: boolean;
}

export interface SilenceFilter {
  offset: number;
  limit: number;
  sort: string;
  phase?: string;
  text?: string;
}

const EVERY_MS = 30_000;

/** They begin and end by themselves: no record announces it. */
export function useSilences(filter: SilenceFilter) {
  return useQuery({
    queryKey: ['silences', filter],
    queryFn: async () => (await http.get<SilencePage>('/silences', { params: { ...filter } })).data,
    placeholderData: keepPreviousData,
    refetchInterval: EVERY_MS,
  });
}

export function useHidden(id: string) {
  return useQuery({
    queryKey: ['silences', id, 'hidden'],
    queryFn: async () => (await http.get<Hidden>(`/silences/${encodeURIComponent(id)}/hidden`)).data,
  });
}

export function useAddSilence(onDone: () => void) {
  return useChange(async (body: SilenceRequest) => (await http.post<Silence>('/silences', body)).data, onDone);
}

export function useEndSilence(id: string, onDone: () => void) {
  return useChange(async (body: { reason: string }) => (await http.post<Silence>(`/silences/${encodeURIComponent(id)}/end`, body)).data, onDone);
}

function useChange<T>(mutationFn: (body: T) => Promise<Silence>, onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn,
    onSuccess: async () => {
      onDone();
      await queries.invalidateQueries({ queryKey: ['silences'] });
    },
  });
}
