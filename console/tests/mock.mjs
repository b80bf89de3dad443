// A small server with the console and enough of /api/v1 for work on the pages: node tests/mock.mjs [PORT].
// Accounts: truc / "mat-khau-1" (first password, has to be changed) and xem / "mat-khau-2" (viewer).
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = join(fileURLToPath(new URL('..', import.meta.url)), 'dist');
const port = Number(process.argv[2] ?? process.env.PORT ?? 8090);

export const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html";
const security = {
  'Content-Security-Policy': csp,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

// ---- data ----

const iso = (ms) => new Date(ms).toISOString();
const start = Date.now();
const rules = [
  [
    '5f8a',
    'SSH brute force followed by a sign-in',
    'Dò mật khẩu SSH rồi đăng nhập thành công',
    'critical',
    ['attack.t1110.001', 'attack.t1078'],
    'linux',
    'sshd',
  ],
  [
    '91bc',
    'PowerShell download cradle',
    'PowerShell tải mã từ mạng về chạy',
    'high',
    ['attack.t1059.001', 'attack.t1105'],
    'windows',
    'powershell',
  ],
  ['a04d', 'Web shell upload', 'Tải web shell lên cổng dịch vụ công', 'high', ['attack.t1505.003'], 'webserver', null],
  ['c771', 'Sign-in from a new country', 'Đăng nhập từ quốc gia lạ', 'medium', ['attack.t1078'], 'vpn', null],
  ['d3e9', 'Port scan inside the network', 'Quét cổng trong mạng nội bộ', 'low', ['attack.t1046'], 'firewall', null],
  [
    'e5f0',
    'Clock of a source differs by more than five minutes',
    'Đồng hồ của nguồn lệch hơn năm phút',
    'informational',
    [],
    'coloa',
    'health',
  ],
];
const places = [
  ['2', 'Sở Thông tin và Truyền thông', '11', 'Cổng dịch vụ công trực tuyến', 4, 'dvc-web-02', '203.113.152.7'],
  ['3', 'Sở Tài chính', '12', 'Quản lý ngân sách', 3, 'tabmis-app-01', '10.20.4.18'],
  ['4', 'UBND quận Hoàn Kiếm', '13', 'Một cửa điện tử', 2, 'hk-motcua', '118.70.44.9'],
  ['5', 'Sở Y tế', '14', 'Hồ sơ sức khỏe điện tử toàn thành phố', 5, 'hssk-db-01', '2405:4800:102:1::9'],
];
let nextAlert = 1;
const alerts = [];
const subscribers = new Set();
let eventId = Date.now() * 1000;

function makeAlert(ago, state = 'new') {
  const id = nextAlert++;
  const r = rules[(id * 7) % rules.length];
  const p = places[id % places.length];
  const last = Date.now() - ago;
  const first = last - (id % 5) * 71_000;
  const hour = [{ time: iso(first + 2000), who: 'system', what: 'created', text: '' }];
  if (state !== 'new') hour.push({ time: iso(first + 90_000), who: 'Nguyễn Thị Ánh', what: 'acknowledged', text: '' });
  if (state === 'closed')
    hour.push({
      time: iso(first + 300_000),
      who: 'Nguyễn Thị Ánh',
      what: 'verdict',
      text: 'benign: Quét định kỳ của đơn vị vận hành',
    });
  const a = {
    id: `alr_${id}`,
    rule_id: `${r[0]}0000-0000-4000-8000-0000000000${String((id % 90) + 10)}`,
    title: r[1],
    title_vi: r[2],
    level: r[3],
    state,
    verdict: state === 'closed' ? 'benign' : null,
    count: 1 + ((id * 13) % 40),
    first: iso(first),
    last: iso(last),
    org: p[0],
    org_name: p[1],
    system: p[2],
    system_name: p[3],
    system_level: p[4],
    entities: { 'host.name': [p[5]], 'source.ip': [p[6]], 'user.name': [['root', 'quantri', 'ntanh'][id % 3]] },
    tags: r[4],
    source: p[5],
    assignee: state === 'new' ? null : { id: 'usr_2', name: 'Nguyễn Thị Ánh' },
    version: 1,
    rule_version: '5f8a00c1d2e3f405',
      selections: ['selection'],
      matched: {
      'event.action': 'ssh_login',
      'event.outcome': 'failure',
      'source.ip': p[6],
      'related.user': ['root', 'admin', 'oracle'],
    },
    message: `Failed password for root from ${p[6]} port ${40000 + id} ssh2`,
    reason: state === 'closed' ? 'Quét định kỳ của đơn vị vận hành' : '',
    created: iso(first + 2000),
    changed: iso(last),
    acknowledged: state === 'new' ? null : iso(first + 90_000),
    closed: state === 'closed' ? iso(first + 300_000) : null,
    events: [
      `018f${String(id).padStart(4, '0')}-0000-7000-8000-000000000001`,
      `018f${String(id).padStart(4, '0')}-0000-7000-8000-000000000002`,
    ],
    history: hour,
  };
  alerts.push(a);
  return a;
}
const many = Number(process.env.MOCK_ALERTS ?? 420);
for (let i = 0; i < many; i++)
  makeAlert((many - i) * 97_000, i % 9 === 0 ? 'closed' : i % 4 === 0 ? 'acknowledged' : 'new');

function makeEvent(i) {
  const p = places[i % places.length];
  const t = start - i * 41_000;
  const ok = i % 5 === 0;
  const original = `<38>${iso(t)} ${p[5]} sshd[${1000 + (i % 900)}]: ${ok ? 'Accepted' : 'Failed'} password for root from ${p[6]} port ${40000 + (i % 20000)} ssh2`;
  return {
    '@timestamp': iso(t),
    event: {
      id: `0190${String(i).padStart(4, '0')}-0000-7000-8000-000000000000`,
      ingested: iso(t + 800),
      action: 'ssh_login',
      outcome: ok ? 'success' : 'failure',
      dataset: 'sshd',
      category: ['authentication'],
      original,
    },
    message: ok ? 'Đăng nhập thành công' : `Failed password for root from ${p[6]} port ${40000 + (i % 20000)} ssh2`,
    host: { name: p[5] },
    source: { ip: p[6], port: 40000 + (i % 20000) },
    user: { name: ['root', 'quantri', 'ntanh'][i % 3] },
    process: { name: 'sshd', pid: 1000 + (i % 900) },
    coloa: { source: p[5], system_level: p[4] },
  };
}
const events = Array.from({ length: 3000 }, (_, i) => makeEvent(i));

const place = (i) => ({
  org: places[i][0],
  org_name: places[i][1],
  system: places[i][2],
  system_name: places[i][3],
  system_level: places[i][4],
});
const sources = () => [
  {
    id: '1',
    name: 'dvc-web-02',
    input: 'syslog',
    ...place(0),
    first_seen: iso(start - 9e8),
    last_seen: iso(Date.now() - 4000),
    events: 1843201,
    errors: 12,
    status: 'ok',
    reason: null,
    remedy: null,
    registration: 'registered',
    version: 1,
  },
  {
    id: '2',
    name: 'tabmis-app-01',
    input: 'beats',
    ...place(1),
    first_seen: iso(start - 9e8),
    last_seen: iso(start - 25 * 60000),
    events: 92011,
    errors: 0,
    status: 'silent',
    reason: 'silent for 25 minutes; 15 are allowed',
    remedy: null,
    registration: 'registered',
    version: 1,
  },
  {
    id: '3',
    name: 'hssk-db-01',
    input: 'syslog',
    ...place(3),
    first_seen: iso(start - 9e8),
    last_seen: iso(start - 9 * 60000),
    events: 5120934,
    errors: 3,
    status: 'silent',
    reason: 'silent for 9 minutes; 5 are allowed',
    remedy: null,
    registration: 'registered',
    version: 1,
  },
  {
    id: '4',
    name: '10.20.9.77',
    input: 'syslog',
    org: '1',
    org_name: 'Thành phố',
    system: null,
    system_name: null,
    system_level: null,
    first_seen: iso(start - 9e5),
    last_seen: iso(Date.now() - 31000),
    events: 412,
    errors: 40,
    status: 'new',
    reason: 'not assigned to a system yet',
    remedy: null,
    registration: 'discovered',
    version: 1,
  },
  {
    id: '5',
    name: 'hk-motcua',
    input: 'http',
    ...place(2),
    first_seen: null,
    last_seen: null,
    events: 0,
    errors: 0,
    status: 'silent',
    reason: 'nothing has arrived yet',
    remedy: null,
    registration: 'registered',
    version: 1,
  },
  {
    id: null,
    name: '/var/log/auth.log',
    input: 'files',
    org: null,
    system: null,
    last_seen: null,
    events: 0,
    errors: 0,
    status: 'denied',
    reason: 'permission denied',
    remedy: 'sudo usermod -aG adm coloa',
  },
];
const ruleList = {
  loaded_at: iso(start),
  files: 3164,
  rules: 3201,
  loaded: 3197,
  issues: [
    {
      kind: 'error',
      file: 'rules/local/vpn_la.yml',
      line: 14,
      column: 5,
      code: 'condition',
      message: 'the condition names "selection2", which does not exist',
      rule_id: null,
    },
    {
      kind: 'cannot_match',
      file: null,
      line: 0,
      column: 0,
      code: null,
      message: 'no source sends category "driver_load"',
      rule_id: '91bc0000-0000-4000-8000-000000000077',
    },
    {
      kind: 'warning',
      file: 'rules/local/quet_cong.yml',
      line: 3,
      column: 1,
      code: 'date',
      message: 'the date is not written as YYYY-MM-DD',
      rule_id: null,
    },
  ],
  items: Array.from({ length: 480 }, (_, i) => {
    const r = rules[i % rules.length];
    return {
      id: `${r[0]}${String(i).padStart(4, '0')}-0000-4000-8000-000000000000`,
      title: `${r[1]} (${i + 1})`,
      title_vi: `${r[2]} (${i + 1})`,
      description: 'Detects what the title says, from the fields that its log source gives.',
      author: 'Cổ Loa',
      level: r[3],
      status: 'stable',
      product: r[5],
      category: null,
      service: r[6],
      tags: r[4],
    };
  }),
};

// ---- accounts ----

const users = {
  truc: {
    password: 'mat-khau-1',
    must: true,
    user: { id: 'usr_2', name: 'truc', display_name: 'Nguyễn Thị Ánh', role: 'analyst', locale: 'vi', org: '2' },
  },
  xem: {
    password: 'mat-khau-2',
    must: false,
    user: { id: 'usr_3', name: 'xem', display_name: 'Trần Văn Đức', role: 'viewer', locale: 'en', org: '2' },
  },
};
const sessions = new Map();
const permissions = (u) => [
  'alerts.read',
  ...(u.role === 'analyst' ? ['alerts.write'] : []),
  'events.search',
  'rules.read',
  'sources.read',
  'status.read',
];
const view = (a) => ({ user: a.user, must_change: a.must, permissions: permissions(a.user) });

// ---- answering ----

const json = (res, status, body, headers = {}) => {
  res.writeHead(status, {
    ...security,
    'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json',
    'Cache-Control': 'no-store',
    ...headers,
  });
  res.end(body === undefined ? undefined : JSON.stringify(body));
};
const problem = (res, status, code, detail = '', more = {}, headers = {}) =>
  json(res, status, { type: 'about:blank', title: code, status, code, detail, request_id: 'mock', ...more }, headers);

function publish(topic, data) {
  for (const s of subscribers) s.res.write(`id: ${++eventId}\nevent: ${topic}\ndata: ${JSON.stringify(data)}\n\n`);
}
const brief = ({
  matched: _m,
  message: _e,
  reason: _r,
  created: _c,
  changed: _h,
  acknowledged: _a,
  closed: _l,
  events: _v,
  history: _y,
  ...a
}) => a;

function listAlerts(q) {
  const want = (k) => (q.get(k) ?? '').split(',').filter(Boolean);
  const [state, level, text] = [want('state'), want('level'), (q.get('q') ?? '').toLowerCase()];
  const order = ['informational', 'low', 'medium', 'high', 'critical'];
  const all = alerts
    .filter(
      (a) =>
        (!state.length || state.includes(a.state)) &&
        (!level.length || level.includes(a.level)) &&
        (!text || JSON.stringify(brief(a)).toLowerCase().includes(text)),
    )
    .sort(
      (a, b) =>
        (q.get('sort') === 'level' ? order.indexOf(b.level) - order.indexOf(a.level) : 0) ||
        b.last.localeCompare(a.last),
    );
  const [at, n] = [Number(q.get('cursor') ?? 0), Number(q.get('limit') ?? 100)];
  return {
    items: all.slice(at, at + n).map(brief),
    next_cursor: at + n < all.length ? String(at + n) : null,
    total: { value: all.length, relation: 'eq' },
  };
}

function pick(doc, name) {
  return name.split('.').reduce((o, k) => (o === undefined ? undefined : o[k]), doc);
}

/** field:value, not, and, bare words: enough for the pages' tests. */
function matcher(q) {
  const open = [...q].reduce((n, c) => n + (c === '(' ? 1 : c === ')' ? -1 : 0), 0);
  const at = open > 0 ? q.lastIndexOf('(') : q.endsWith(':') ? q.length : -1;
  if (at >= 0) return { at: Buffer.byteLength(q.slice(0, at)) };
  const tests = (q.match(/(?:not\s+)?[\w.@]+:(?:"[^"]*"|\S+)|(?:not\s+)?"[^"]*"|\S+/g) ?? [])
    .filter((w) => w !== 'and')
    .map((w) => {
      const not = /^not\s+/.test(w);
      const s = w.replace(/^not\s+/, '');
      const m = /^([\w.@]+):(.*)$/.exec(s);
      const v = (m ? m[2] : s).replace(/^"|"$/g, '').toLowerCase();
      return (e) =>
        (m
          ? v === '*'
            ? pick(e, m[1]) !== undefined
            : String(pick(e, m[1])).toLowerCase() === v
          : JSON.stringify(e).toLowerCase().includes(v)) !== not;
    });
  return { test: (e) => tests.every((f) => f(e)) };
}

const unit = { s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
const bound = (s, absent) => {
  const m = /^-(\d+)([smhd])$/.exec(s ?? '');
  return m ? Date.now() - m[1] * unit[m[2]] : s ? Date.parse(s) : absent;
};

function findEvents(res, q) {
  const m = matcher(q.get('q') ?? '');
  if (m.at !== undefined) {
    problem(res, 400, 'syntax', `a value is missing at byte ${m.at}`, {
      errors: [{ pointer: '/q', code: 'syntax', params: { at: m.at } }],
    });
    return null;
  }
  const [from, to] = [bound(q.get('from'), 0), bound(q.get('to'), Date.now())];
  return {
    from,
    to,
    list: events.filter((e) => Date.parse(e['@timestamp']) >= from && Date.parse(e['@timestamp']) < to && m.test(e)),
  };
}

const eventCalls = {
  '/events': (res, q, f) => {
    const [at, n] = [Number(q.get('cursor') ?? 0), Number(q.get('limit') ?? 100)];
    json(res, 200, {
      items: f.list.slice(at, at + n),
      next_cursor: at + n < f.list.length ? String(at + n) : null,
      total: { value: f.list.length, relation: 'eq' },
    });
  },
  '/events/count': (res, q, f) => json(res, 200, { count: f.list.length }),
  '/events/histogram': (res, q, f) => {
    const width = Math.max(1000, Math.ceil((f.to - f.from) / 60 / 1000) * 1000);
    const t = [];
    for (let x = f.from - (f.from % width); x < f.to; x += width) t.push(x);
    const n = t.map(() => 0);
    for (const e of f.list) n[Math.floor((Date.parse(e['@timestamp']) - t[0]) / width)]++;
    json(res, 200, { bucket_ms: width, t, n });
  },
  '/events/top': (res, q, f) => {
    const counts = new Map();
    for (const e of f.list) {
      const v = pick(e, q.get('field'));
      if (v !== undefined) counts.set(String(v), (counts.get(String(v)) ?? 0) + 1);
    }
    json(res, 200, {
      field: q.get('field'),
      items: [...counts]
        .map(([value, count]) => ({ value, count }))
        .sort((a, b) => b.count - a.count)
        .slice(0, 10),
    });
  },
};

function change(res, a, body, who, match) {
  if (!match) return problem(res, 428, 'if-match-required');
  if (match !== '*' && match !== `"v${a.version}"`)
    return problem(res, 412, 'precondition', '', { current: a }, { ETag: `"v${a.version}"` });
  if (body.verdict && !body.reason)
    return problem(res, 400, 'syntax', 'reason: missing', { errors: [{ pointer: '/reason', code: 'missing' }] });
  if (body.verdict) Object.assign(a, { verdict: body.verdict, reason: body.reason, state: 'closed' });
  else if (body.state) a.state = body.state;
  a.assignee ??= { id: who.id, name: who.display_name };
  a.version++;
  a.history.push({ time: iso(Date.now()), who: who.display_name, what: a.state, text: '' });
  if (body.verdict)
    a.history.push({
      time: iso(Date.now()),
      who: who.display_name,
      what: 'verdict',
      text: `${body.verdict}: ${body.reason}`,
    });
  publish('alerts', { id: a.id, org: a.org, created: false });
  json(res, 200, a, { ETag: `"v${a.version}"` });
}

function sessionCall(req, res, path, body, sid) {
  if (path === '/session' && req.method === 'POST') {
    const a = users[body.login];
    if (!a || a.password !== body.password) return problem(res, 401, 'unauthenticated');
    const fresh = `s${Math.random().toString(36).slice(2)}`;
    sessions.set(fresh, a);
    return json(res, 200, view(a), { 'Set-Cookie': `__Host-sid=${fresh}; Path=/; Secure; HttpOnly; SameSite=Strict` });
  }
  const a = sessions.get(sid);
  if (!a) return problem(res, 401, 'unauthenticated');
  if (path === '/session' && req.method === 'GET') return json(res, 200, view(a));
  if (path === '/session') {
    sessions.delete(sid);
    return json(res, 204, undefined, {
      'Set-Cookie': '__Host-sid=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0',
    });
  }
  if (body.old !== a.password) return problem(res, 422, 'wrong-password');
  if ([...String(body.new)].length < 10) return problem(res, 400, 'syntax', 'a password has at least 10 characters');
  Object.assign(a, { password: body.new, must: false });
  return json(res, 204);
}

function stream(req, res) {
  res.writeHead(200, { ...security, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  res.write(`retry: 3000\nid: ${eventId}\n\n`);
  const s = { res, beat: setInterval(() => res.write(': beat\n\n'), 15_000) };
  subscribers.add(s);
  res.on('close', () => (clearInterval(s.beat), subscribers.delete(s)));
}

function api(req, res, url, body) {
  const path = url.pathname.slice('/api/v1'.length);
  const sid = /__Host-sid=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];
  if (
    req.method !== 'GET' &&
    (req.headers['x-coloa'] !== '1' || (body && req.headers['content-type'] !== 'application/json'))
  )
    return problem(res, 403, 'cross-site');
  if (path.startsWith('/session')) return sessionCall(req, res, path, body, sid);
  const account = sessions.get(sid);
  if (!account) return problem(res, 401, 'unauthenticated');
  if (account.must) return problem(res, 403, 'password-change-required');
  if (path === '/stream') return stream(req, res);
  if (path === '/alerts') return json(res, 200, listAlerts(url.searchParams));
  const m = /^\/alerts\/(alr_\d+)(\/events)?$/.exec(path);
  if (m) {
    const a = alerts.find((x) => x.id === m[1]);
    if (!a) return problem(res, 404, 'not-found');
    if (m[2])
      return json(res, 200, { items: events.slice(0, 3), next_cursor: null, total: { value: 3, relation: 'eq' } });
    return req.method === 'PATCH'
      ? change(res, a, body, account.user, req.headers['if-match'])
      : json(res, 200, a, { ETag: `"v${a.version}"` });
  }
  if (eventCalls[path]) {
    const f = findEvents(res, url.searchParams);
    return f && eventCalls[path](res, url.searchParams, f);
  }
  if (path === '/sources')
    return json(res, 200, { items: sources(), next_cursor: null, total: { value: 6, relation: 'eq' } });
  if (path === '/rules') return json(res, 200, ruleList);
  if (path === '/status')
    return json(res, 200, {
      ready: true,
      stopping: false,
      written: iso(Date.now()),
      roles: ['store', 'intake', 'watch', 'desk'].map((name) => ({
        name,
        state: 'serving',
        pid: 1,
        restarts: name === 'watch' ? 1 : 0,
        why: null,
      })),
    });
  return problem(res, 404, 'not-found');
}

function file(res, path) {
  const wanted = join(dist, normalize(path));
  const name =
    existsSync(wanted) && statSync(wanted).isFile() ? wanted : path.includes('.') ? null : join(dist, 'index.html');
  if (!name) return problem(res, 404, 'not-found');
  res.writeHead(200, {
    ...security,
    'Content-Type': types[extname(name)] ?? 'application/octet-stream',
    'Cache-Control': 'no-cache',
  });
  createReadStream(name).pipe(res);
}

// What a test does from outside: a new alert, or four seconds without a server.
let downUntil = 0;
function outside(res, url) {
  if (url.pathname === '/mock/alert') {
    const a = makeAlert(0);
    publish('alerts', { id: a.id, org: a.org, created: true });
    return json(res, 200, { id: a.id });
  }
  if (url.pathname === '/mock/cut') {
    json(res, 200, {});
    downUntil = Date.now() + 4000;
    for (const s of subscribers) s.res.destroy();
    return undefined;
  }
  return json(res, 200, { mock: true });
}

createServer((req, res) => {
  const url = new URL(req.url, 'http://localhost');
  let text = '';
  req.on('data', (d) => (text += d));
  req.on('end', () => {
    if (url.pathname.startsWith('/mock')) return outside(res, url);
    if (Date.now() < downUntil) return res.destroy();
    if (url.pathname.startsWith('/api/v1/')) return api(req, res, url, text ? JSON.parse(text) : undefined);
    return file(res, url.pathname);
  });
}).listen(port, '127.0.0.1', () => console.log(`http://localhost:${port}`));

if (!existsSync(join(dist, 'index.html'))) console.error('no dist: npm run build first');
else if (!readFileSync(join(dist, 'index.html'), 'utf8').includes('/assets/')) console.error('dist looks unbuilt');
