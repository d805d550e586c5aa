import createCache from '@emotion/cache';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import { AxiosError, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios';
import type { ReactNode } from 'react';
import { MemoryRouter } from 'react-router-dom';
import { http } from '../src/api/client';
import type { Audit, EvidenceRun, Health, Incident, IncidentPage, Me, RecordPage, RunbookList, ServiceList, ToolList } from '../src/api/types';
import { ROUTER_FUTURE } from '../src/app';
import { ThemeProvider } from '../src/theme';
import shapes from './fixtures.json';

/** Answers in the API's shapes. */
export const fixtures = shapes as unknown as {
  me: { responder: Me; viewer: Me };
  health: Health;
  health_bad: Health;
  incidents: IncidentPage;
  incident: Incident;
  records: RecordPage;
  again: EvidenceRun;
  services: ServiceList;
  runbooks: RunbookList;
  tools: ToolList;
  audit: Audit;
};

export interface Sent {
  method: string;
  url: string;
  body: unknown;
  params: Record<string, unknown> | undefined;
  csrf: string | undefined;
}

type Answer = { status?: number; body: unknown };

/** Answers each request by `METHOD path`; what isn't listed is a 404. Gives what was sent. */
export function answer(table: Record<string, Answer>): Sent[] {
  const sent: Sent[] = [];
  http.defaults.adapter = async (config: InternalAxiosRequestConfig): Promise<AxiosResponse> => {
    const method = (config.method ?? 'get').toUpperCase();
    const body: unknown = typeof config.data === 'string' ? JSON.parse(config.data) : undefined;
    sent.push({ method, url: config.url ?? '', body, params: config.params as Sent['params'], csrf: config.headers.get('X-CSRF-Token')?.toString() });
    const found = table[`${method} ${config.url}`] ?? { status: 404, body: { title: 'Not Found', detail: `no ${config.url}` } };
    const response = { data: found.body, status: found.status ?? 200, statusText: '', headers: {}, config } as AxiosResponse;
    if (response.status >= 400) throw new AxiosError('refused', undefined, config, null, response);
    return response;
  };
  return sent;
}

export function show(node: ReactNode, at = '/') {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const cache = createCache({ key: 'test' });
  // jsdom draws nothing, and parsing every style is most of a test's time.
  cache.sheet.insert = () => undefined;
  return render(
    <QueryClientProvider client={queries}>
      <MemoryRouter initialEntries={[at]} future={ROUTER_FUTURE}>
        <ThemeProvider cache={cache}>{node}</ThemeProvider>
      </MemoryRouter>
    </QueryClientProvider>,
  );
}

/** By `data-test-subj`, as EUI names it. */
export function subject(name: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(`[data-test-subj~="${name}"]`);
  if (!found) throw new Error(`nothing is called ${name}:\n${document.body.textContent}`);
  return found;
}

export function absent(name: string): boolean {
  return document.querySelector(`[data-test-subj~="${name}"]`) === null;
}
