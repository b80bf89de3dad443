import { describe, expect, it } from 'vitest';
import { bounds, clause, pivot, rangeOf, readSearch, writeSearch } from './query';

describe('clauses', () => {
  it.each([
    ['host.name', 'dvc-web-02', 'host.name:dvc-web-02'],
    ['user.name', 'Nguyễn', 'user.name:Nguyễn'],
    ['user.name', 'Nguyễn Ánh', 'user.name:"Nguyễn Ánh"'],
    ['source.ip', '2405:4800::9', 'source.ip:"2405:4800::9"'],
    ['url.path', '/a*b', 'url.path:"/a*b"'],
    ['message', 'say "no" \\ yes', 'message:"say \\"no\\" \\\\ yes"'],
    ['event.action', 'or', 'event.action:"or"'],
    ['process.name', '', 'process.name:""'],
  ])('%s = %s', (field, value, out) => expect(clause(field, value)).toBe(out));
});

describe('pivots', () => {
  it.each([
    ['', 'include', 'a:1'],
    ['', 'exclude', 'not a:1'],
    ['b:2', 'include', 'b:2 and a:1'],
    ['b:2 or c:3', 'exclude', '(b:2 or c:3) and not a:1'],
    ['(b:2 or c:3)', 'include', '(b:2 or c:3) and a:1'],
    ['"this or that"', 'include', '"this or that" and a:1'],
    ['"say \\" or" x', 'include', '"say \\" or" x and a:1'],
    ['not a:1', 'include', 'a:1'],
    ['b:2 or c:3', 'only', 'a:1'],
  ] as const)('%s, %s', (q, how, out) => expect(pivot(q, 'a', '1', how)).toBe(out));
});

describe('the address', () => {
  it('keeps a search', () => {
    const s = { q: 'user.name:"Nguyễn Ánh" and x', from: '2026-11-25T00:00:00.000Z', to: '2026-11-25T01:00:00.000Z' };
    expect(readSearch(new URLSearchParams(writeSearch(s).toString()))).toEqual(s);
  });
  it('leaves out what is usual', () => {
    expect(writeSearch({ q: '', from: '-24h', to: '' }).toString()).toBe('');
    expect(readSearch(new URLSearchParams())).toEqual({ q: '', from: '-24h', to: '' });
  });
  it('composes accents', () => expect(readSearch(new URLSearchParams({ q: 'e\u0302' })).q).toBe('ê'));
  it('knows its ranges', () => {
    expect(rangeOf({ q: '', from: '-15m', to: '' })).toBe('15m');
    expect(rangeOf({ q: '', from: '-17m', to: '' })).toBe('custom');
    expect(rangeOf({ q: '', from: '-15m', to: '2026-11-25T00:00:00Z' })).toBe('custom');
  });
  it('has bounds', () => {
    const now = Date.parse('2026-11-25T10:00:00Z');
    expect(bounds({ q: '', from: '-4h', to: '' }, now)).toEqual([now - 4 * 3600_000, now]);
    expect(bounds({ q: '', from: 'bad', to: '' }, now)).toEqual([now - 86400_000, now]);
  });
});
