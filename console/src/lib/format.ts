// Times, numbers and values as text. Pure: language and zone come in.

export type Lang = 'vi' | 'en';

const pad = (n: number, w = 2): string => String(n).padStart(w, '0');

/** dd/MM/yyyy HH:mm:ss in the zone; Intl puts the time first in Vietnamese. */
export function dateTime(value: string | number | Date, zone?: string, ms = false): string {
  const d = new Date(value);
  if (Number.isNaN(d.getTime())) return '';
  const p: Record<string, string> = {};
  const f = new Intl.DateTimeFormat('en-GB', {
    ...(zone ? { timeZone: zone } : {}),
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  for (const part of f.formatToParts(d)) p[part.type] = part.value;
  const text = `${p['day']}/${p['month']}/${p['year']} ${p['hour']}:${p['minute']}:${p['second']}`;
  return ms ? `${text}.${pad(d.getUTCMilliseconds(), 3)}` : text;
}

/** The same without the date where it is today's. */
export function shortTime(value: string | number, now: number, zone?: string): string {
  const full = dateTime(value, zone);
  const [day, time] = full.split(' ');
  if (!day || !time) return '';
  return day === dateTime(now, zone).split(' ')[0] ? time : `${day.slice(0, 5)} ${time}`;
}

export interface Ago {
  unit: 'now' | 'second' | 'minute' | 'hour' | 'day';
  n: number;
}

export function ago(value: string | number, now: number): Ago {
  const s = Math.max(0, Math.floor((now - new Date(value).getTime()) / 1000));
  if (s < 5) return { unit: 'now', n: 0 };
  if (s < 60) return { unit: 'second', n: s };
  if (s < 3600) return { unit: 'minute', n: Math.floor(s / 60) };
  if (s < 86400) return { unit: 'hour', n: Math.floor(s / 3600) };
  return { unit: 'day', n: Math.floor(s / 86400) };
}

export function clock(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  return `${pad(Math.floor(s / 60))}:${pad(s % 60)}`;
}

const numbers = {
  vi: new Intl.NumberFormat('vi-VN'),
  en: new Intl.NumberFormat('en-GB'),
};
export const number = (n: number, lang: Lang): string => numbers[lang].format(n);

/** Any JSON value as one line. */
export function text(v: unknown): string {
  if (v === null || v === undefined) return '';
  if (typeof v === 'string') return v;
  if (Array.isArray(v)) return v.map(text).join(', ');
  if (typeof v === 'object') return JSON.stringify(v);
  return String(v);
}

export interface Field {
  name: string;
  value: string;
  values: string[]; // one by one, for lists
}

/** A nested document as dotted names, sorted. */
export function flatten(doc: unknown, prefix = '', out: Field[] = []): Field[] {
  if (doc === null || typeof doc !== 'object' || Array.isArray(doc)) return out;
  for (const [k, v] of Object.entries(doc)) {
    const name = prefix ? `${prefix}.${k}` : k;
    if (v !== null && typeof v === 'object' && !Array.isArray(v)) flatten(v, name, out);
    else if (v !== null && v !== undefined && v !== '')
      out.push({ name, value: text(v), values: Array.isArray(v) ? v.map(text) : [text(v)] });
  }
  if (!prefix) out.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return out;
}

/** A value by its dotted name, from a nested document or one with dotted keys. */
export function pick(doc: unknown, name: string): string {
  if (doc === null || typeof doc !== 'object') return '';
  const o = doc as Record<string, unknown>;
  if (name in o) return text(o[name]);
  for (let at = name.indexOf('.'); at > 0; at = name.indexOf('.', at + 1)) {
    const head = name.slice(0, at);
    if (head in o) {
      const found = pick(o[head], name.slice(at + 1));
      if (found) return found;
    }
  }
  return '';
}

export const first = (doc: unknown, ...names: string[]): string => {
  for (const n of names) {
    const v = pick(doc, n);
    if (v) return v;
  }
  return '';
};

/** The server's offsets count UTF-8 bytes, the page's UTF-16 units. */
export function charIndex(s: string, byte: number): number {
  let bytes = 0;
  let index = 0;
  for (const c of s) {
    if (bytes >= byte) break;
    const cp = c.codePointAt(0) ?? 0;
    bytes += cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    index += c.length;
  }
  return index;
}

/** Lower case without diacritics, so that "canh bao" finds "Cảnh báo". */
export const fold = (s: string): string =>
  s.normalize('NFD').replace(/\p{M}/gu, '').replace(/đ/g, 'd').replace(/Đ/g, 'D').toLowerCase();
