// One live stream per browser. HTTP/1.1 gives a browser six connections to a server, so the tabs elect one
// of them by a Web Lock: it holds the stream and tells the others over a BroadcastChannel. When it closes,
// the lock passes on. (A SharedWorker would need a Trusted Types policy of its own.)
import { address } from './api';

export interface Change {
  topic: 'alerts' | 'sources' | 'gap';
  id: string;
  created: boolean;
}

export type StreamState = 'connecting' | 'open' | 'lost';
type Message =
  { kind: 'change'; change: Change; lastId: string } | { kind: 'state'; state: StreamState } | { kind: 'ask' };

class Live {
  state = $state<StreamState>('connecting');
  lostAt = $state(0);
  private listeners = new Set<(c: Change) => void>();
  private channel: BroadcastChannel | null = null;
  private source: EventSource | null = null;
  private letGo: (() => void) | null = null;
  private stopper: AbortController | null = null;
  private lastId = ''; // of the newest change that any tab has seen
  private retry: ReturnType<typeof setTimeout> | undefined;

  on(f: (c: Change) => void): () => void {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  start(): void {
    if (this.channel) return;
    this.state = 'connecting';
    this.channel = new BroadcastChannel('coloa.live');
    this.channel.onmessage = (e: MessageEvent<Message>) => this.hear(e.data);
    this.stopper = new AbortController();
    if (!('locks' in navigator)) return this.open();
    this.channel.postMessage({ kind: 'ask' } satisfies Message);
    navigator.locks
      .request('coloa.live', { signal: this.stopper.signal }, () => {
        this.open();
        return new Promise<void>((done) => (this.letGo = done));
      })
      .catch(() => {
        // stopped while waiting for the lock
      });
  }

  stop(): void {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
    this.letGo?.();
    this.letGo = null;
    this.stopper?.abort();
    this.channel?.close();
    this.channel = null;
  }

  private hear(m: Message): void {
    if (m.kind === 'change') this.tell(m.change, m.lastId);
    else if (m.kind === 'state') this.become(m.state);
    else if (this.source) this.channel?.postMessage({ kind: 'state', state: this.state } satisfies Message);
  }

  private tell(c: Change, lastId: string): void {
    if (lastId) this.lastId = lastId;
    for (const f of this.listeners) f(c);
  }

  private become(s: StreamState): void {
    if (s === this.state) return;
    if (s === 'lost') this.lostAt = Date.now();
    // What happened meanwhile is replayed by the server, or it says that it cannot (gap).
    this.state = s;
  }

  private set(s: StreamState): void {
    this.become(s);
    this.channel?.postMessage({ kind: 'state', state: s } satisfies Message);
  }

  private publish(change: Change, lastId: string): void {
    this.tell(change, lastId);
    this.channel?.postMessage({ kind: 'change', change, lastId } satisfies Message);
  }

  private open(): void {
    this.source?.close();
    // Another tab held the stream, or it broke: go on where that was, else what was missed is unknown.
    const follows = this.state !== 'connecting';
    const s = new EventSource(address('/stream', { topics: 'alerts,sources', last_event_id: this.lastId }));
    this.source = s;
    s.onopen = () => {
      this.set('open');
      if (follows && !this.lastId) this.publish({ topic: 'gap', id: '', created: false }, '');
    };
    s.onerror = () => {
      this.set('lost');
      // A closed source does not come back by itself (the server answered with an error).
      if (s.readyState === EventSource.CLOSED && this.source === s) {
        clearTimeout(this.retry);
        this.retry = setTimeout(() => {
          if (this.source === s) this.open();
        }, 3000);
      }
    };
    const read = (topic: Change['topic']) => (e: MessageEvent<string>) => {
      let data: { id?: string; created?: boolean } = {};
      try {
        data = JSON.parse(e.data) as typeof data;
      } catch {
        // a change that cannot be read is still a change
      }
      this.publish({ topic, id: data.id ?? '', created: data.created === true }, e.lastEventId);
    };
    for (const topic of ['alerts', 'sources', 'gap'] as const) s.addEventListener(topic, read(topic));
  }
}

export const live = new Live();
