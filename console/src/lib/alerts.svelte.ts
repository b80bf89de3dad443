// The alert queue: pages from the server, changes from the live stream. Rows never move by themselves:
// what is new waits until the reader asks for it, what changed is replaced where it stands.
import { ApiError, call, etagOf, get, type Params } from './api';
import { live, type Change } from './live.svelte';
import {
  levels,
  states,
  type Alert,
  type AlertFull,
  type AlertPatch,
  type AlertState,
  type Level,
  type List,
} from './types';

export interface AlertFilter {
  states: AlertState[]; // empty: all
  levels: Level[]; // empty: all
  q: string;
  sort: 'last' | 'level';
}

const open: AlertState[] = ['new', 'acknowledged'];

const known = <T extends string>(text: string, all: readonly T[]): T[] =>
  all.filter((x) => text.split(',').includes(x));

export function readFilter(p: URLSearchParams): AlertFilter {
  const state = p.get('state');
  return {
    states: state === null ? [...open] : known(state, states),
    levels: known(p.get('level') ?? '', levels),
    q: (p.get('q') ?? '').normalize('NFC'),
    sort: p.get('sort') === 'level' ? 'level' : 'last',
  };
}

/** URL parameters; null takes one away. */
export function writeFilter(f: AlertFilter): Record<string, string | null> {
  const state = states.filter((s) => f.states.includes(s)).join(',');
  return {
    state: state === open.join(',') ? null : state || 'all',
    level: levels.filter((l) => f.levels.includes(l)).join(',') || null,
    q: f.q || null,
    sort: f.sort === 'last' ? null : f.sort,
  };
}

export const isDefault = (f: AlertFilter): boolean => Object.values(writeFilter(f)).every((v) => v === null);

const PAGE = 200;
const COALESCE_MS = 400;

/** What a person decides; a higher count alone is no conflict. */
const sameDecision = (a: Alert, b: Alert): boolean =>
  a.state === b.state && a.verdict === b.verdict && a.assignee?.id === b.assignee?.id;

export interface Conflict {
  seen: Alert;
  now: AlertFull;
  patch: AlertPatch;
}

export class AlertList {
  rows = $state.raw<Alert[]>([]);
  pending = $state.raw<Alert[]>([]);
  pendingMany = $state(false);
  total = $state.raw<{ value: number; relation: string } | null>(null);
  cursor = $state<string | null>(null);
  loading = $state(false);
  loaded = $state(false);
  error = $state.raw<unknown>(null);
  checkedAt = $state(0);
  private filter: AlertFilter = { states: open, levels: [], q: '', sort: 'last' };
  private abort: AbortController | null = null;
  private changed = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private flushing = false;

  listen(): () => void {
    const off = live.on((c) => this.onChange(c));
    return () => {
      off();
      clearTimeout(this.timer);
      this.abort?.abort();
    };
  }

  private params(cursor?: string | null): Params {
    const f = this.filter;
    return { state: f.states.join(','), level: f.levels.join(','), q: f.q, sort: f.sort, limit: PAGE, cursor };
  }

  async load(f: AlertFilter = this.filter): Promise<void> {
    this.filter = f;
    this.abort?.abort();
    const abort = (this.abort = new AbortController());
    this.loading = true;
    try {
      const page = await get<List<Alert>>('/alerts', this.params(), abort.signal);
      this.rows = page.items;
      this.cursor = page.next_cursor;
      this.total = page.total ?? null;
      this.pending = [];
      this.pendingMany = false;
      this.error = null;
      this.loaded = true;
      this.checkedAt = Date.now();
    } catch (e) {
      if (abort.signal.aborted) return;
      this.error = e;
    }
    this.loading = false;
  }

  async more(): Promise<void> {
    if (!this.cursor || this.loading) return;
    this.loading = true;
    try {
      const page = await get<List<Alert>>('/alerts', this.params(this.cursor));
      const have = new Set(this.rows.map((r) => r.id));
      this.rows = [...this.rows, ...page.items.filter((r) => !have.has(r.id))];
      this.cursor = page.next_cursor;
    } catch (e) {
      this.error = e;
    }
    this.loading = false;
  }

  replace(a: Alert): void {
    const at = this.rows.findIndex((r) => r.id === a.id);
    const row = this.rows[at];
    if (row && row.version <= a.version) this.rows = this.rows.with(at, a);
  }

  private onChange(c: Change): void {
    if (c.topic === 'sources') return;
    this.changed.add(c.id);
    this.timer ??= setTimeout(() => void this.flush(), COALESCE_MS);
  }

  /** One look at the first page says what is new under these filters and what changed on it. */
  private async flush(): Promise<void> {
    if (this.flushing || this.loading) {
      this.timer = setTimeout(() => void this.flush(), COALESCE_MS);
      return;
    }
    this.timer = undefined;
    this.flushing = true;
    const changed = new Set(this.changed);
    this.changed.clear();
    try {
      const page = await get<List<Alert>>('/alerts', this.params());
      const have = new Map(this.rows.map((r, i) => [r.id, i]));
      const rows = [...this.rows];
      const fresh: Alert[] = [];
      for (const a of page.items) {
        const at = have.get(a.id);
        if (at === undefined) fresh.push(a);
        else rows[at] = a;
        changed.delete(a.id);
      }
      this.checkedAt = Date.now();
      this.total = page.total ?? null;
      if (this.rows.length === 0) {
        this.rows = page.items;
        this.cursor = page.next_cursor;
      } else {
        this.rows = rows;
        this.pending = fresh;
        this.pendingMany = fresh.length === PAGE;
        // Shown, changed, and no longer on the first page: maybe filtered away now, so one by one.
        for (const id of [...changed].filter((x) => have.has(x)).slice(0, 20))
          this.replace(await get<Alert>(`/alerts/${id}`));
      }
    } catch {
      // The next change or the reader tries again; a lost connection has its own banner.
    }
    this.flushing = false;
  }

  /** Writes a decision about the alert as it was seen. A conflict is handed back, nothing is overwritten. */
  async change(seen: Alert, patch: AlertPatch): Promise<Conflict | null> {
    let base = seen;
    for (let tries = 0; ; tries++) {
      try {
        this.replace(await call<AlertFull>('PATCH', `/alerts/${base.id}`, { body: patch, etag: etagOf(base) }));
        return null;
      } catch (e) {
        const now =
          e instanceof ApiError && e.status === 412 ? (e.body['current'] as AlertFull | undefined) : undefined;
        if (!now) throw e;
        this.replace(now);
        if (!sameDecision(seen, now) || tries === 4) return { seen, now, patch };
        base = now;
      }
    }
  }
}
