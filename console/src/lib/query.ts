// Text of the query language (docs/query.md): clauses that the console adds, and time ranges.

const phrase = (v: string): string => `"${v.replace(/["\\]/g, '\\$&')}"`;

/** Bare where the language allows it, else a phrase. */
export function clause(field: string, value: string): string {
  const plain = /^[\p{L}\p{N}_.@/-]+$/u.test(value) && !/^(and|or|not)$/i.test(value);
  return `${field}:${plain ? value : phrase(value)}`;
}

/** Whether "or" stands outside of parentheses and phrases, so that "and" would bind to its last part. */
function needsParentheses(q: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < q.length; i++) {
    const c = q[i];
    if (c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === '(') depth++;
    else if (!quoted && c === ')') depth--;
    else if (!quoted && depth === 0 && /^\sor[\s(]/i.test(q.slice(i, i + 4))) return true;
  }
  return false;
}

export function pivot(query: string, field: string, value: string, how: 'include' | 'exclude' | 'only'): string {
  const one = clause(field, value);
  const q = query.trim();
  if (how === 'only') return one;
  const add = how === 'exclude' ? `not ${one}` : one;
  if (!q) return add;
  if (how === 'include' && q.startsWith(`not ${one}`) && q.length === one.length + 4) return one;
  return `${needsParentheses(q) ? `(${q})` : q} and ${add}`;
}

export const ranges = ['15m', '1h', '4h', '24h', '7d', '30d'] as const;
export type Range = (typeof ranges)[number];

export interface Search {
  q: string;
  from: string; // "-15m", or RFC 3339
  to: string; // "", or RFC 3339
}

export const defaultFrom = '-24h';

export function readSearch(params: URLSearchParams): Search {
  return {
    q: (params.get('q') ?? '').normalize('NFC'),
    from: params.get('from') || defaultFrom,
    to: params.get('to') ?? '',
  };
}

export function writeSearch(s: Search): URLSearchParams {
  const p = new URLSearchParams();
  if (s.q) p.set('q', s.q);
  if (s.from !== defaultFrom) p.set('from', s.from);
  if (s.to) p.set('to', s.to);
  return p;
}

export const rangeOf = (s: Search): Range | 'custom' => {
  const r = s.from.replace(/^-/, '') as Range;
  return !s.to && s.from.startsWith('-') && ranges.includes(r) ? r : 'custom';
};

const unit: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

/** The range's ends in milliseconds, for the histogram's axis and for links that last. */
export function bounds(s: Search, now: number): [number, number] {
  const one = (text: string, absent: number): number => {
    const m = /^-(\d+)([smhdw])$/.exec(text);
    if (m) return now - Number(m[1]) * (unit[m[2] ?? 's'] ?? 1) * 1000;
    const t = Date.parse(text);
    return Number.isNaN(t) ? absent : t;
  };
  return [one(s.from, now - 86400000), one(s.to, now)];
}

/** Value of <input type=datetime-local> in the reader's zone. */
export function toLocalInput(ms: number): string {
  const d = new Date(ms);
  const p = (n: number): string => String(n).padStart(2, '0');
  return `${d.getFullYear()}-${p(d.getMonth() + 1)}-${p(d.getDate())}T${p(d.getHours())}:${p(d.getMinutes())}:${p(d.getSeconds())}`;
}
