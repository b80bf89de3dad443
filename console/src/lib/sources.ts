// Order and words of the source list.
import type { Source, SourceStatus } from './types';

const rank: Record<SourceStatus, number> = { denied: 0, silent: 1, new: 2, ok: 3 };

/** Worst first; among equals the higher protection level, then the longer silence. */
export function worstFirst(list: readonly Source[]): Source[] {
  const last = (s: Source): number => (s.last_seen ? Date.parse(s.last_seen) : 0);
  return [...list].sort(
    (a, b) =>
      (rank[a.status] ?? 0) - (rank[b.status] ?? 0) ||
      (b.system_level ?? 0) - (a.system_level ?? 0) ||
      last(a) - last(b) ||
      a.name.localeCompare(b.name, 'vi'),
  );
}

export type Reason =
  { key: 'silent'; n: number; limit: number } | { key: 'nothing' | 'unassigned' } | { key: 'text'; text: string };

/** The server gives reasons as English sentences; the ones it makes itself are known. */
export function reasonOf(s: Pick<Source, 'reason'>): Reason | null {
  const text = s.reason;
  if (!text) return null;
  const silent = /^silent for (\d+) minutes; (\d+) are allowed$/.exec(text);
  if (silent) return { key: 'silent', n: Number(silent[1]), limit: Number(silent[2]) };
  if (text === 'nothing has arrived yet') return { key: 'nothing' };
  if (text === 'not assigned to a system yet') return { key: 'unassigned' };
  return { key: 'text', text };
}
