import axios, { AxiosError } from 'axios';

/** Relative to where the page is served: the gateway serves both. */
export const BASE = '/api/datapulse/v1';

/** A refusal or failure, in the API's words (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly correlationId: string | undefined;

  constructor(status: number, title: string, detail: string, correlationId?: string) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.title = title;
    this.correlationId = correlationId;
  }
}

export const http = axios.create({ baseURL: BASE, headers: { Accept: 'application/json' }, timeout: 60_000 });

let csrf: string | null = null;

/** From `GET me`; goes out with every request that changes something. */
export function setCsrf(token: string | null | undefined) {
  csrf = token ?? null;
}

const SAFE = new Set(['get', 'head', 'options']);

http.interceptors.request.use((request) => {
  if (csrf && !SAFE.has((request.method ?? 'get').toLowerCase())) {
    request.headers.set('X-CSRF-Token', csrf);
  }
  return request;
});

http.interceptors.response.use(undefined, (error: unknown) => Promise.reject(asProblem(error)));

function text(body: Record<string, unknown>, key: string): string | undefined {
  const value = body[key];
  return typeof value === 'string' ? value : undefined;
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof AxiosError && error.response) {
    const { status, data } = error.response;
    const body = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
    const title = text(body, 'title') ?? `HTTP ${status}`;
    return new Problem(status, title, text(body, 'detail') ?? title, text(body, 'correlation_id'));
  }
  const detail = error instanceof Error ? error.message : String(error);
  return new Problem(0, 'DataPulse does not answer', detail);
}

const RETRIES = 3;

/** Asked again only where another answer may come: the server is away or failed, not where it refused. */
export function retry(failures: number, error: Error): boolean {
  const status = error instanceof Problem ? error.status : 0;
  return failures < RETRIES && (status === 0 || status >= 500);
}
