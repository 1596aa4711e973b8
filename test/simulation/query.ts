// Answers kysely's queries over rows in memory, from their syntax trees: no SQL is written, none is parsed. It knows what
// folds and api ask for, and throws on anything else rather than answer it wrong.
import {
  Kysely,
  type CompiledQuery,
  type DatabaseConnection,
  type OperationNode,
  type QueryResult,
  type RootOperationNode,
} from "kysely";
import type { Schema } from "../../core/store/tables.ts";

export type Row = Record<string, unknown>;

export interface Rows {
  of(table: string): Iterable<Row>;
  /** @returns how many were changed. */
  update(table: string, matches: (row: Row) => boolean, values: Row): number;
}

/** Loosely: kysely's node types are many, and each is looked at by its kind here. */
interface Node extends OperationNode {
  readonly [field: string]: unknown;
}

const unknownQuery = (node: unknown): Error => new Error(`No such query is known here: ${JSON.stringify(node)}`);

function nameOf(node: unknown): string {
  const { kind, ...fields } = node as Node;
  switch (kind) {
    case "IdentifierNode":
      return fields["name"] as string;
    case "SchemableIdentifierNode":
      return nameOf(fields["identifier"]);
    case "TableNode":
      return nameOf(fields["table"]);
    case "ColumnNode":
    case "ReferenceNode":
      return nameOf(fields["column"]);
    default:
      throw unknownQuery(node);
  }
}

function valueOf(node: unknown): unknown {
  const { kind, ...fields } = node as Node;
  if (kind === "ValueNode") return fields["value"];
  if (kind === "PrimitiveValueListNode") return fields["values"];
  throw unknownQuery(node);
}

function matcher(node: unknown): (row: Row) => boolean {
  if (node === undefined) return () => true;
  const { kind, ...fields } = node as Node;
  switch (kind) {
    case "WhereNode":
      return matcher(fields["where"]);
    case "OnNode":
      return matcher(fields["on"]);
    case "ParensNode":
      return matcher(fields["node"]);
    case "AndNode": {
      const [left, right] = [matcher(fields["left"]), matcher(fields["right"])];
      return (row) => left(row) && right(row);
    }
    case "BinaryOperationNode": {
      const column = nameOf(fields["leftOperand"]);
      const value = valueOf(fields["rightOperand"]);
      return comparison((fields["operator"] as { readonly operator: string }).operator, column, value);
    }
    default:
      throw unknownQuery(node);
  }
}

function comparison(operator: string, column: string, value: unknown): (row: Row) => boolean {
  switch (operator) {
    case "=":
    case "is":
      return (row) => row[column] === value;
    case "!=":
    case "is not":
      return (row) => row[column] !== value;
    case ">":
      return (row) => (row[column] as number) > (value as number);
    case "in":
      return (row) => (value as readonly unknown[]).includes(row[column]);
    default:
      throw unknownQuery(operator);
  }
}

function select(node: Node, rows: Rows): Row[] {
  const table = nameOf((node["from"] as { readonly froms: readonly unknown[] }).froms[0]);
  const matches = matcher(node["where"]);
  const joins = (node["joins"] as readonly Node[] | undefined) ?? [];
  const found = joins.reduce((left, join) => leftJoined(left, join, rows), [...rows.of(table)].filter(matches));
  const order = (node["orderBy"] as { readonly items: readonly Node[] } | undefined)?.items ?? [];
  const columns = order.map((item) => nameOf(item["orderBy"]));
  if (columns.length > 0) found.sort((a, b) => compared(columns, a, b));
  const limit = node["limit"] as Node | undefined;
  const cut = limit ? found.slice(0, valueOf(limit["limit"]) as number) : found;
  const shown = cut.map((row) => projected(row, node["selections"] as readonly Node[]));
  if (!node["frontModifiers"]) return shown;
  return [...new Map(shown.map((row) => [JSON.stringify(row), row])).values()];
}

/** Of conditions that name the joined table alone. A column of both is the left one's. */
function leftJoined(left: readonly Row[], join: Node, rows: Rows): Row[] {
  if (join["joinType"] !== "LeftJoin") throw unknownQuery(join);
  const right = [...rows.of(nameOf(join["table"]))].filter(matcher(join["on"]));
  return left.flatMap((row) => (right.length === 0 ? [row] : right.map((other) => ({ ...other, ...row }))));
}

function compared(columns: readonly string[], a: Row, b: Row): number {
  for (const column of columns) {
    const [left, right] = [a[column] as number, b[column] as number];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function projected(row: Row, selections: readonly Node[]): Row {
  const wanted: Row = {};
  for (const one of selections) {
    const selection = one["selection"] as Node;
    if (selection.kind === "SelectAllNode") return { ...row };
    const column = nameOf(selection);
    wanted[column] = row[column] ?? null;
  }
  return wanted;
}

function update(node: Node, rows: Rows): number {
  const updates = node["updates"] as readonly Node[];
  const values = Object.fromEntries(updates.map((one) => [nameOf(one["column"]), valueOf(one["value"])]));
  return rows.update(nameOf(node["table"]), matcher(node["where"]), values);
}

/** @param before runs before each query, and may throw or take its time. */
export function kyselyOver(rows: Rows, before: () => Promise<void> | void): Kysely<Schema> {
  const executeQuery = async (compiled: CompiledQuery): Promise<QueryResult<never>> => {
    await before();
    const node = compiled.query as unknown as Node;
    if (node.kind === "SelectQueryNode") return { rows: select(node, rows) as never[] };
    if (node.kind === "UpdateQueryNode") return { rows: [], numAffectedRows: BigInt(update(node, rows)) };
    throw unknownQuery(node);
  };
  const connection = { executeQuery } as unknown as DatabaseConnection;
  const nothing = (): Promise<void> => Promise.resolve();
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => ({}) as never,
      createIntrospector: () => ({}) as never,
      createQueryCompiler: () => ({
        compileQuery: (query: RootOperationNode, queryId: never) => ({ query, queryId, sql: "", parameters: [] }),
      }),
      createDriver: () => ({
        init: nothing,
        destroy: nothing,
        acquireConnection: () => Promise.resolve(connection),
        releaseConnection: nothing,
        beginTransaction: nothing,
        commitTransaction: nothing,
        rollbackTransaction: nothing,
      }),
    },
  });
}
