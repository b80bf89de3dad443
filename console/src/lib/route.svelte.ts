// The address is the state: pages, filters, ranges and the open object live in the URL.

export type Page = 'alerts' | 'events' | 'sources' | 'rules';
export const pages: readonly Page[] = ['alerts', 'events', 'sources', 'rules'];

const pageOf = (path: string): Page => {
  const first = path.split('/')[1] as Page;
  return pages.includes(first) ? first : 'alerts';
};

class Route {
  page = $state<Page>(pageOf(location.pathname));
  params = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener('popstate', () => this.read());
  }

  private read(): void {
    this.page = pageOf(location.pathname);
    this.params = new URLSearchParams(location.search);
  }

  go(page: Page, params: URLSearchParams = new URLSearchParams(), replace = false): void {
    const search = params.toString();
    const url = `/${page}${search ? '?' + search : ''}`;
    if (url === location.pathname + location.search) return;
    history[replace ? 'replaceState' : 'pushState'](null, '', url);
    this.read();
  }

  /** Changes some parameters of this page; null or "" takes one away. */
  set(values: Record<string, string | null>, replace = true): void {
    const p = new URLSearchParams(this.params);
    for (const [k, v] of Object.entries(values)) {
      if (v) p.set(k, v);
      else p.delete(k);
    }
    this.go(this.page, p, replace);
  }
}

export const route = new Route();
