import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { http, setCsrf } from './client';
import type {
  Acknowledgement, ActionRequest, AnswerScore, Assignment, Audit, Closing, Declaration, DecisionRequest, EditRequest, EvidenceRun, FeedbackRequest, Handover, Health, Incident, IncidentPage, LoginSettings, Me, MergeRequest, Note, Postmortem, ProposalList,
  RecordPage, Reopening, RunbookList, ServiceList, ServiceSeries, SeverityChange, SimilarList, SplitRequest, System, ToolAnswer, ToolList, ToolRequest, VoidRequest, Window,
} from './types';

async function get<T>(path: string, params?: Record<string, unknown>): Promise<T> {
  const { data } = await http.get<T>(path, { params });
  return data;
}

const part = encodeURIComponent;

/** Records of one incident that the page asks for; the state machine allows no more. */
const ALL_RECORDS = 10_000;
/** How often what no record announces is read again, in milliseconds. */
const HEALTH_EVERY_MS = 10_000;
const SERIES_EVERY_MS = 15_000;
const SERIES_AT_MOST_EVERY_MS = 4_000;

export interface IncidentFilter {
  offset: number;
  limit: number;
  sort: string;
  status?: string;
  severity?: string;
  service?: string;
  text?: string;
}

export function useMe() {
  return useQuery({
    queryKey: ['me'],
    queryFn: async () => {
      const me = await get<Me>('/me');
      setCsrf(me.csrf_token);
      return me;
    },
    staleTime: Infinity,
  });
}

export function useLogOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => void (await http.post('/logout')),
    // Nothing of what the session saw stays on the page.
    onSuccess: () => queries.resetQueries(),
  });
}

export function useHealth() {
  return useQuery({ queryKey: ['health'], queryFn: () => get<Health>('/health'), refetchInterval: HEALTH_EVERY_MS });
}

export function useIncidents(filter: IncidentFilter) {
  return useQuery({
    queryKey: ['incidents', filter],
    queryFn: () => get<IncidentPage>('/incidents', { ...filter }),
    placeholderData: keepPreviousData,
  });
}

export function useIncident(id: string) {
  return useQuery({ queryKey: ['incident', id], queryFn: () => get<Incident>(`/incidents/${part(id)}`) });
}

/** Its proposals, with where each stands for whoever looks. */
export function useProposals(id: string) {
  return useQuery({ queryKey: ['incident', id, 'proposals'], queryFn: () => get<ProposalList>(`/incidents/${part(id)}/proposals`) });
}

export function useRecords(id: string) {
  return useQuery({
    queryKey: ['incident', id, 'records'],
    queryFn: () => get<RecordPage>(`/incidents/${part(id)}/records`, { limit: ALL_RECORDS }),
  });
}

export function useServices() {
  return useQuery({
    queryKey: ['services'],
    queryFn: () => get<ServiceList>('/services'),
    refetchInterval: useSeriesEvery(),
  });
}

/** A clock that runs faster brings a new minute sooner. */
function useSeriesEvery(): number {
  const speed = useHealth().data?.clock_speed ?? 1;
  return Math.max(SERIES_EVERY_MS / speed, SERIES_AT_MOST_EVERY_MS);
}

/** Of the last hour where nothing else is said; followed as time goes on where it has no end. */
export function useSeries(service: string, span: Partial<Window> = {}) {
  const every = useSeriesEvery();
  return useQuery({
    queryKey: ['series', service, span.from, span.to],
    queryFn: () => get<ServiceSeries>(`/services/${part(service)}/series`, { ...span }),
    placeholderData: keepPreviousData,
    refetchInterval: span.to ? false : every,
  });
}

export function useRunbooks() {
  return useQuery({ queryKey: ['runbooks'], queryFn: () => get<RunbookList>('/runbooks') });
}

export function useTools() {
  return useQuery({ queryKey: ['tools'], queryFn: () => get<ToolList>('/tools') });
}

export function useSimilar(id: string) {
  return useQuery({ queryKey: ['incident', id, 'similar'], queryFn: () => get<SimilarList>(`/incidents/${part(id)}/similar`) });
}

export function useAnswerScore() {
  return useQuery({ queryKey: ['feedback'], queryFn: () => get<AnswerScore>('/feedback') });
}

/** Made anew each time: the journal goes on. */
export function usePostmortem(id: string) {
  return useMutation({ mutationFn: async () => (await get<Postmortem>(`/incidents/${part(id)}/postmortem`)).markdown });
}

export function useAudit() {
  return useQuery({ queryKey: ['audit'], queryFn: () => get<Audit>('/audit') });
}

/** What a person does to an incident: the last part of the path, and its body. */
export type Mark =
  | { what: 'acknowledge'; body: Acknowledgement }
  | { what: 'notes'; body: Note }
  | { what: 'severity'; body: SeverityChange }
  | { what: 'close'; body: Closing }
  | { what: 'reopen'; body: Reopening }
  | { what: 'feedback'; body: FeedbackRequest }
  | { what: 'edit'; body: EditRequest }
  | { what: 'assign'; body: Assignment }
  | { what: 'handover'; body: Handover }
  | { what: 'snooze'; body: { for_s: number; reason: string } }
  | { what: 'merge'; body: MergeRequest }
  | { what: 'split'; body: SplitRequest }
  | { what: 'void'; body: VoidRequest };

/** `onDone` gets the incident of the answer, which a merge or a split gives for another one. */
export function useMark(id: string, onDone?: (answer: Incident) => void) {
  const queries = useQueryClient();
  const refresh = useRefresh(id);
  return useMutation({
    mutationFn: async ({ what, body }: Mark) => (await http.post<Incident>(`/incidents/${part(id)}/${what}`, body)).data,
    onSuccess: async (answer) => {
      onDone?.(answer);
      await Promise.all([refresh(), queries.invalidateQueries({ queryKey: ['incident', answer.incident_id] })]);
    },
  });
}

export interface DecisionGiven {
  proposal: string;
  decision: DecisionRequest;
}

export function useDecide(id: string) {
  const refresh = useRefresh(id);
  return useMutation({
    mutationFn: async ({ proposal, decision }: DecisionGiven) => {
      const path = `/incidents/${part(id)}/proposals/${part(proposal)}/decisions`;
      return (await http.post<Incident>(path, decision)).data;
    },
    onSettled: refresh,
  });
}

export function useWithdraw(id: string, proposal: string) {
  return usePosted<{ reason: string }>(id, `proposals/${part(proposal)}/withdraw`);
}

export function useReview(id: string, proposal: string) {
  return usePosted<{ justified: boolean; note: string }>(id, `proposals/${part(proposal)}/review`);
}

export function useRequestAction(id: string) {
  return usePosted<ActionRequest>(id, 'proposals');
}

/** What is sent to a place below an incident, which is read again then. */
function usePosted<T>(id: string, place: string) {
  const refresh = useRefresh(id);
  return useMutation({
    mutationFn: async (body: T) => (await http.post<Incident>(`/incidents/${part(id)}/${place}`, body)).data,
    onSettled: refresh,
  });
}

/** Whether everything is stopped. */
export function useAutomation() {
  return useQuery({ queryKey: ['automation'], queryFn: () => get<System>('/automation'), refetchInterval: HEALTH_EVERY_MS });
}

export function useSwitch(to: 'stop' | 'resume') {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (body: { reason: string }) => (await http.post<System>(`/automation/${to}`, body)).data,
    onSettled: async () => {
      await Promise.all([queries.invalidateQueries({ queryKey: ['automation'] }), queries.invalidateQueries({ queryKey: ['system'] })]);
    },
  });
}

export function useSystemRecords(offset: number, limit: number) {
  return useQuery({
    queryKey: ['system', offset, limit],
    queryFn: () => get<RecordPage>('/audit/system', { offset, limit }),
    placeholderData: keepPreviousData,
  });
}

/** Whether an identity provider lets people in: for those who are nobody yet. */
export function useLoginSettings() {
  return useQuery({ queryKey: ['login'], queryFn: () => get<LoginSettings>('/oidc/settings'), staleTime: Infinity });
}

export function useAskAgain(incident: string, evidence: string) {
  return useMutation({
    mutationFn: async () =>
      (await http.post<EvidenceRun>(`/incidents/${part(incident)}/evidence/${part(evidence)}/run`, {})).data,
  });
}

export function useRunTool(tool: string) {
  return useMutation({
    mutationFn: async (body: ToolRequest) =>
      (await http.post<ToolAnswer>(`/tools/${part(tool)}/run`, body)).data,
  });
}

export function useDeclare() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (body: Declaration) => (await http.post<Incident>('/incidents', body)).data,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['incidents'] }),
  });
}

function useRefresh(id: string) {
  const queries = useQueryClient();
  return async () => {
    await Promise.all([
      queries.invalidateQueries({ queryKey: ['incident', id] }),
      queries.invalidateQueries({ queryKey: ['incidents'] }),
      queries.invalidateQueries({ queryKey: ['feedback'] }),
    ]);
  };
}
