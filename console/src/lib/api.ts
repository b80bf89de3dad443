// The one door to /api/v1: JSON in, JSON out, every failure an ApiError.

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: the server could not be reached
    readonly code: string,
    readonly detail: string,
    readonly requestId: string,
    readonly body: Record<string, unknown>,
  ) {
    super(`${status} ${code}`);
  }

  /** Byte offset in the query, where the server says that it is wrong there. */
  get at(): number | null {
    const first = (this.body['errors'] as { params?: { at?: unknown } }[] | undefined)?.[0];
    return typeof first?.params?.at === 'number' ? first.params.at : null;
  }

  get retryAfter(): number {
    return Number(this.body['retry_after'] ?? 0);
  }
}

interface Hooks {
  unauthenticated(): void;
  passwordRequired(): void;
  reachable(ok: boolean): void;
}

let hooks: Hooks = { unauthenticated() {}, passwordRequired() {}, reachable() {} };
export const setHooks = (h: Hooks): void => void (hooks = h);

export type Params = Record<string, string | number | undefined | null>;

export function address(path: string, params: Params = {}): string {
  const search = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== null && v !== '') search.set(k, String(v));
  const text = search.toString();
  return '/api/v1' + path + (text ? '?' + text : '');
}

async function problem(answer: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    body = (await answer.json()) as Record<string, unknown>;
  } catch {
    // a proxy's page instead of our problem+json
  }
  const text = (k: string): string => (typeof body[k] === 'string' ? (body[k] as string) : '');
  const retry = answer.headers.get('Retry-After');
  if (retry) body['retry_after'] = retry;
  return new ApiError(answer.status, text('code') || 'unknown', text('detail'), text('request_id'), body);
}

interface Options {
  params?: Params;
  body?: unknown;
  etag?: string;
  signal?: AbortSignal;
}

export async function call<T>(method: string, path: string, o: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-Coloa'] = '1';
  if (o.body !== undefined) headers['Content-Type'] = 'application/json';
  if (o.etag) headers['If-Match'] = o.etag;
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (o.body !== undefined) init.body = JSON.stringify(o.body);
  if (o.signal) init.signal = o.signal;
  let answer: Response;
  try {
    answer = await fetch(address(path, o.params), init);
  } catch (e) {
    if (o.signal?.aborted) throw e;
    hooks.reachable(false);
    throw new ApiError(0, 'unreachable', '', '', {});
  }
  hooks.reachable(answer.status !== 502 && answer.status !== 504);
  if (!answer.ok) {
    const e = await problem(answer);
    if (e.status === 401 && path !== '/session') hooks.unauthenticated();
    if (e.code === 'password-change-required') hooks.passwordRequired();
    throw e;
  }
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export const get = <T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> =>
  call<T>('GET', path, { ...(params ? { params } : {}), ...(signal ? { signal } : {}) });

/** Searches share few places on the server: one that finds them taken waits and tries once more. */
export async function search<T>(path: string, params: Params, signal: AbortSignal): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await get<T>(path, params, signal);
    } catch (e) {
      if (!(e instanceof ApiError) || e.status !== 429 || tries === 2) throw e;
      await new Promise((done) => setTimeout(done, Math.max(500, e.retryAfter * 1000)));
    }
  }
}

/** The server's ETag of an object is its version. */
export const etagOf = (o: { version: number }): string => `"v${o.version}"`;
