// Shapes of /api/v1 (docs/api/openapi.json), as far as the console uses them.

export type Level = 'informational' | 'low' | 'medium' | 'high' | 'critical';
export type AlertState = 'new' | 'acknowledged' | 'closed';
export type Verdict =
  | 'true_positive_impact'
  | 'true_positive_no_impact'
  | 'false_positive'
  | 'benign'
  | 'duplicate'
  | 'test'
  | 'undetermined';

export const levels: readonly Level[] = ['critical', 'high', 'medium', 'low', 'informational'];
export const states: readonly AlertState[] = ['new', 'acknowledged', 'closed'];
export const verdicts: readonly Verdict[] = [
  'true_positive_impact',
  'true_positive_no_impact',
  'false_positive',
  'benign',
  'duplicate',
  'test',
  'undetermined',
];

export interface Place {
  org: string | null;
  org_name?: string;
  system: string | null;
  system_name?: string | null;
  system_level?: number | null;
}

export interface Alert extends Place {
  id: string;
  rule_id: string;
  title: string;
  title_vi: string;
  level: Level;
  state: AlertState;
  verdict: Verdict | null;
  count: number;
  first: string;
  last: string;
  entities: Record<string, unknown>;
  tags: string[];
  source: string;
  assignee: { id: string; name: string } | null;
  version: number;
}

export interface Note {
  time: string;
  who: string;
  what: string;
  text: string;
}

export interface AlertFull extends Alert {
  matched: Record<string, unknown>;
  rule_version: string;
  selections: string[];
  message: string;
  reason: string;
  acknowledged: string | null;
  closed: string | null;
  events: string[];
  history: Note[];
}

export interface AlertPatch {
  state?: AlertState;
  verdict?: Verdict;
  reason?: string;
}

export type EventDoc = Record<string, unknown>;

export interface Histogram {
  bucket_ms: number;
  t: number[];
  n: number[];
}

export interface TopItem {
  value: string;
  count: number;
}

export type SourceStatus = 'ok' | 'silent' | 'new' | 'denied';

export interface Source extends Place {
  id: string | null;
  name: string;
  input: string;
  first_seen?: string | null;
  last_seen: string | null;
  events: number;
  errors: number;
  status: SourceStatus;
  reason: string | null;
  remedy: string | null;
  registration?: string;
}

export interface RuleIssue {
  kind: 'error' | 'warning' | 'cannot_match';
  file?: string | null;
  line?: number;
  column?: number;
  code?: string | null;
  message?: string | null;
  rule_id?: string | null;
}

export interface Rule {
  id: string | null;
  title: string | null;
  title_vi?: string | null;
  description?: string | null;
  author?: string | null;
  level: string;
  status?: string | null;
  product?: string | null;
  category?: string | null;
  service?: string | null;
  tags: string[];
}

export interface Logsource {
  product: string;
  category: string;
  service: string;
  rules: number;
  last: string | null;
}

export interface Logsources {
  since: string;
  logsources: Logsource[];
  blind: string[]; // ids of rules
}

export interface RuleException {
  id: string;
  rule_id: string;
  field: string;
  value: string;
  source: string;
  reason: string;
  author: string;
  org: string | null;
  org_name?: string;
  created: string;
  ends: string;
  ended: string | null;
  in_force: boolean;
}

export interface Rules {
  loaded_at: string;
  files: number;
  rules: number;
  loaded: number;
  issues: RuleIssue[];
  items: Rule[];
}

export interface Role {
  name: string;
  state: string;
  restarts?: number;
  why?: string | null;
}

export interface Status {
  ready: boolean;
  roles: Role[];
}

export interface Session {
  user: { id: string; name: string; display_name: string; role: string; locale: string; org: string | null };
  must_change: boolean;
  permissions: string[];
}

export interface List<T> {
  items: T[];
  next_cursor: string | null;
  total?: { value: number; relation: 'eq' | 'gte' };
}
