// Keyboard: one registry, letters by place (event.code), so that Vietnamese input methods do not matter.
// Consonants only: under Telex, vowels, w, [ ] and doubled d are eaten.
import { route, type Page } from './route.svelte';

export type Handler = (e: KeyboardEvent) => void;

const gotoPage: Record<string, Page> = { KeyC: 'alerts', KeyK: 'events', KeyN: 'sources', KeyL: 'rules' };

class Keys {
  enabled = $state(localStorage.getItem('coloa.keys') !== 'off');
  helpOpen = $state(false);
  private handlers: Record<string, Handler>[] = [];
  private prefix = 0; // time of the last "g"

  constructor() {
    addEventListener('keydown', (e) => this.press(e));
  }

  setEnabled(on: boolean): void {
    this.enabled = on;
    localStorage.setItem('coloa.keys', on ? 'on' : 'off');
  }

  /** While the caller's component lives; the newest registration comes first. */
  use(map: Record<string, Handler>): () => void {
    this.handlers.unshift(map);
    return () => (this.handlers = this.handlers.filter((m) => m !== map));
  }

  private press(e: KeyboardEvent): void {
    if (e.isComposing || e.keyCode === 229 || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    const el = e.target as HTMLElement | null;
    if (el?.closest('input:not([type=checkbox],[type=radio]),textarea,select,[contenteditable],dialog')) return;
    const help = e.key === '?' || (e.code === 'Slash' && e.shiftKey);
    const letter = /^Key[A-Z]$/.test(e.code) || e.code === 'Slash' || help;
    if (letter && !this.enabled) return;
    if (help) {
      e.preventDefault();
      this.helpOpen = true;
      return;
    }
    if (e.shiftKey) return;
    const page = gotoPage[e.code];
    if (Date.now() - this.prefix < 1200 && page) {
      this.prefix = 0;
      e.preventDefault();
      route.go(page);
      return;
    }
    if (e.code === 'KeyG') {
      this.prefix = Date.now();
      return;
    }
    // A button or link has the focus: Enter is its own.
    if (e.code === 'Enter' && el?.closest('button,a,summary')) return;
    for (const map of this.handlers) {
      const h = map[e.code];
      if (!h) continue;
      e.preventDefault();
      h(e);
      return;
    }
  }
}

export const keys = new Keys();
