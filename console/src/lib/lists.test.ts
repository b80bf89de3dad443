import { describe, expect, it } from 'vitest';
import en from '../locales/en.json';
import vi from '../locales/vi.json';
import { reasonOf, worstFirst } from './sources';
import type { Source, SourceStatus } from './types';

const source = (name: string, status: SourceStatus, level: number | null, last: string | null): Source => ({
  id: name,
  name,
  input: 'syslog',
  org: '1',
  system: null,
  system_level: level,
  last_seen: last,
  events: 0,
  errors: 0,
  status,
  reason: null,
  remedy: null,
});

describe('sources', () => {
  it('come worst first, then by level, then by silence', () => {
    const list = [
      source('ok', 'ok', 5, '2026-11-25T10:00:00Z'),
      source('new', 'new', null, '2026-11-25T10:00:00Z'),
      source('s2', 'silent', 2, null),
      source('s5-late', 'silent', 5, '2026-11-25T09:00:00Z'),
      source('s5-later', 'silent', 5, '2026-11-25T08:00:00Z'),
      source('denied', 'denied', null, null),
    ];
    expect(worstFirst(list).map((s) => s.name)).toEqual(['denied', 's5-later', 's5-late', 's2', 'new', 'ok']);
  });
  it.each([
    ['silent for 25 minutes; 15 are allowed', { key: 'silent', n: 25, limit: 15 }],
    ['nothing has arrived yet', { key: 'nothing' }],
    ['not assigned to a system yet', { key: 'unassigned' }],
    ['permission denied', { key: 'text', text: 'permission denied' }],
    [null, null],
  ])('reason %s', (reason, out) => expect(reasonOf({ reason })).toEqual(out));
});

describe('dictionaries', () => {
  const flat = (o: object, at = ''): [string, string][] =>
    Object.entries(o).flatMap(([k, v]) =>
      typeof v === 'string' ? [[`${at}${k}`, v] as [string, string]] : flat(v as object, `${at}${k}.`),
    );
  const holes = (s: string): string => (s.match(/\{\w+\}/g) ?? []).sort().join();
  it('have the same keys and the same holes, and nothing is empty', () => {
    const other = new Map(flat(en));
    expect([...other.keys()]).toEqual(flat(vi).map(([k]) => k));
    for (const [k, v] of flat(vi)) {
      expect(v.trim(), k).not.toBe('');
      expect(holes(v), k).toBe(holes(other.get(k) ?? ''));
      expect(v, k).toBe(v.normalize('NFC'));
    }
  });
});
