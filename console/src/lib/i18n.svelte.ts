// Two dictionaries with the same keys; every key is checked by the compiler.
import en from '../locales/en.json';
import vi from '../locales/vi.json';
import { ago, number, type Lang } from './format';

type Dict = typeof vi;
type Paths<T> = { [K in keyof T & string]: T[K] extends string ? K : `${K}.${Paths<T[K]>}` }[keyof T & string];
export type Key = Paths<Dict>;

// Either file lacking a key of the other is a compile error.
const dictionaries: Record<Lang, Dict> = { vi, en: en satisfies Dict };
vi satisfies typeof en;

const stored = (): Lang | null => {
  const s = localStorage.getItem('coloa.lang');
  return s === 'vi' || s === 'en' ? s : null;
};

class Language {
  current = $state<Lang>(stored() ?? 'vi');
  chosen = stored() !== null;

  set(l: Lang): void {
    this.current = l;
    this.chosen = true;
    localStorage.setItem('coloa.lang', l);
  }

  /** The profile's language counts until somebody chose here. */
  profile(l: string): void {
    if (!this.chosen && (l === 'vi' || l === 'en')) this.current = l;
  }
}

export const language = new Language();

function find(key: string): string | undefined {
  let at: unknown = dictionaries[language.current];
  for (const part of key.split('.'))
    at = at && typeof at === 'object' ? (at as Record<string, unknown>)[part] : undefined;
  return typeof at === 'string' ? at : undefined;
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  const s = find(key) ?? key;
  return s.replace(/\{(\w+)\}/g, (_, name: string) => {
    const v = values[name];
    return typeof v === 'number' ? number(v, language.current) : (v ?? '');
  });
}

/** For words that come from the server: its translation, or the word itself. */
export const word = (
  group: 'level' | 'state' | 'verdict' | 'history' | 'error' | 'role' | 'job' | 'roleState' | 'status',
  w: string,
): string => find(`${group}.${w.replace(/-/g, '_')}`) ?? w;

export function agoText(value: string | number, now: number): string {
  const a = ago(value, now);
  return a.unit === 'now' ? t('time.now') : t(`time.${a.unit}` as Key, { n: a.n });
}

export const num = (n: number): string => number(n, language.current);
