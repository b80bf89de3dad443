import { ApiError, call, get, setHooks } from './api';
import { language } from './i18n.svelte';
import { live } from './live.svelte';
import type { Session } from './types';

export type Stage = 'loading' | 'signedOut' | 'mustChange' | 'in' | 'failed';

class SessionState {
  stage = $state<Stage>('loading');
  data = $state.raw<Session | null>(null);
  ended = $state(false); // was signed in, is no more
  error = $state.raw<unknown>(null);
  reachable = $state(true);
  unreachableAt = 0;

  constructor() {
    setHooks({
      unauthenticated: () => {
        this.ended = this.stage === 'in';
        this.leave();
      },
      passwordRequired: () => {
        live.stop();
        this.stage = 'mustChange';
      },
      reachable: (ok) => {
        if (!ok && this.reachable) this.unreachableAt = Date.now();
        this.reachable = ok;
      },
    });
  }

  can(permission: string): boolean {
    return this.data?.permissions.includes(permission) ?? false;
  }

  async load(): Promise<void> {
    try {
      this.take(await get<Session>('/session'));
    } catch (e) {
      if (e instanceof ApiError && e.status === 401) return this.leave();
      this.error = e;
      this.stage = 'failed';
    }
  }

  async signIn(login: string, password: string): Promise<void> {
    this.take(await call<Session>('POST', '/session', { body: { login, password } }));
  }

  async changePassword(old: string, fresh: string): Promise<void> {
    await call('POST', '/session/password', { body: { old, new: fresh } });
    this.take(await get<Session>('/session'));
  }

  async signOut(): Promise<void> {
    await call('DELETE', '/session');
    this.ended = false;
    this.leave();
  }

  private take(s: Session): void {
    this.data = s;
    language.profile(s.user.locale);
    this.stage = s.must_change ? 'mustChange' : 'in';
    if (this.stage === 'in') {
      this.ended = false;
      live.start();
    }
  }

  private leave(): void {
    live.stop();
    this.data = null;
    this.stage = 'signedOut';
  }
}

export const session = new SessionState();
