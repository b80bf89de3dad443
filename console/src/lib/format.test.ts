import { describe, expect, it } from 'vitest';
import { ago, charIndex, clock, dateTime, first, flatten, fold, number, pick, shortTime, text } from './format';

const hanoi = 'Asia/Ho_Chi_Minh';

describe('times', () => {
  it('puts the date first, in the zone, in 24 hours', () => {
    expect(dateTime('2026-11-25T17:05:09.042Z', hanoi)).toBe('26/11/2026 00:05:09');
    expect(dateTime('2026-11-25T17:05:09.042Z', 'UTC', true)).toBe('25/11/2026 17:05:09.042');
    expect(dateTime('nonsense', hanoi)).toBe('');
  });
  it('leaves out what today says already', () => {
    const now = Date.parse('2026-11-25T10:00:00Z');
    expect(shortTime('2026-11-25T09:00:00Z', now, hanoi)).toBe('16:00:00');
    expect(shortTime('2026-11-24T09:00:00Z', now, hanoi)).toBe('24/11 16:00:00');
  });
  it.each([
    [0, 'now', 0],
    [4_999, 'now', 0],
    [59_000, 'second', 59],
    [60_000, 'minute', 1],
    [3_599_000, 'minute', 59],
    [7_200_000, 'hour', 2],
    [172_800_000, 'day', 2],
    [-5_000, 'now', 0],
  ])('%d ms ago', (ms, unit, n) => {
    const now = Date.now();
    expect(ago(now - ms, now)).toEqual({ unit, n });
  });
  it('counts minutes past an hour, never below nothing', () =>
    expect([clock(3_725), clock(-0.4)]).toEqual(['62:05', '00:00']));
});

describe('numbers', () => {
  it('groups as the language does', () => {
    expect(number(1234567, 'vi')).toBe('1.234.567');
    expect(number(1234567, 'en')).toBe('1,234,567');
  });
});

describe('documents', () => {
  const doc = {
    '@timestamp': 't',
    event: { id: 'x', category: ['a', 'b'], nothing: null },
    source: { ip: '10.0.0.1', port: 0 },
    'host.name': 'h',
    empty: '',
  };
  it('flattens, sorted, without what is empty', () => {
    expect(flatten(doc).map((f) => `${f.name}=${f.value}`)).toEqual([
      '@timestamp=t',
      'event.category=a, b',
      'event.id=x',
      'host.name=h',
      'source.ip=10.0.0.1',
      'source.port=0',
    ]);
    expect(flatten(doc).find((f) => f.name === 'event.category')?.values).toEqual(['a', 'b']);
    expect(flatten(null)).toEqual([]);
  });
  it('finds nested and dotted names', () => {
    expect(pick(doc, 'source.ip')).toBe('10.0.0.1');
    expect(pick(doc, 'host.name')).toBe('h');
    expect(pick(doc, 'source.ip.more')).toBe('');
    expect(pick(undefined, 'x')).toBe('');
    expect(first(doc, 'user.name', 'host.name')).toBe('h');
  });
  it('writes any value as one line', () => {
    expect(text({ a: 1 })).toBe('{"a":1}');
    expect(text([1, null, true])).toBe('1, , true');
  });
});

describe('byte offsets', () => {
  it.each([
    ['abc', 1, 1],
    ['đăng nhập:', 3, 2], // đ has two bytes
    ['đăng nhập (', 14, 10],
    ['😀x', 4, 2],
    ['ab', 9, 2],
  ])('%s at byte %d', (s, byte, index) => expect(charIndex(s, byte)).toBe(index));
});

it('folds Vietnamese', () => {
  expect(fold('Đăng NHẬP thất bại')).toBe('dang nhap that bai');
  expect(fold('e\u0302\u0301')).toBe('e');
});
