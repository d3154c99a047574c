/** Turns PostgreSQL's rows, in their text form, into what Snowflake's JSON results hold. */
import { types } from "pg";

/** A column of a Snowflake result. */
export interface RowType {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly length: number | null;
  readonly byteLength: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
}

export interface Field {
  readonly name: string;
  readonly dataTypeID: number;
  readonly dataTypeModifier: number;
}

interface Column {
  readonly type: string;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly convert: (text: string) => string;
}

const DAY_MS = 86_400_000;
const same = (text: string): string => text;

/** Seconds since 1970 with nine digits, from `2024-05-06 07:17:00.5` with or without `+00`. */
function seconds(text: string): string {
  const match = /^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d+))?/.exec(text);
  if (!match) return text;
  const whole = Date.parse(`${match[1]}T${match[2]}Z`) / 1000;
  return `${whole}.${(match[3] ?? "").padEnd(9, "0")}`;
}

function secondsOfDay(text: string): string {
  const [hours = "0", minutes = "0", rest = "0"] = text.split(":");
  const [whole = "0", part = ""] = rest.split(".");
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(whole);
  return `${total}.${part.padEnd(9, "0")}`;
}

function fixed(field: Field, values: readonly (string | null)[]): Column {
  const { dataTypeModifier: modifier } = field;
  const declared = field.dataTypeID === types.builtins.NUMERIC && modifier > 4;
  // What an expression yields declares no scale: as many digits as there are.
  const seen = Math.max(0, ...values.map((value) => value?.split(".")[1]?.length ?? 0));
  return {
    type: "fixed",
    precision: declared ? ((modifier - 4) >> 16) & 0xffff : 38,
    scale: declared ? (modifier - 4) & 0x7ff : seen,
    convert: same,
  };
}

function column(field: Field, values: readonly (string | null)[]): Column {
  const plain = (type: string, convert = same, scale: number | null = null): Column => ({
    type,
    precision: null,
    scale,
    convert,
  });
  switch (field.dataTypeID) {
    case types.builtins.BOOL:
      return plain("boolean", (text) => (text === "t" ? "1" : "0"));
    case types.builtins.INT2:
    case types.builtins.INT4:
    case types.builtins.INT8:
    case types.builtins.NUMERIC:
      return fixed(field, values);
    case types.builtins.FLOAT4:
    case types.builtins.FLOAT8:
      return plain("real");
    case types.builtins.DATE:
      return plain("date", (text) => String(Date.parse(`${text}T00:00:00Z`) / DAY_MS));
    case types.builtins.TIME:
      return plain("time", secondsOfDay, 9);
    case types.builtins.TIMESTAMP:
      return plain("timestamp_ntz", seconds, 9);
    case types.builtins.TIMESTAMPTZ:
      // The session is in UTC; the second figure is the offset in minutes plus 1440.
      return plain("timestamp_tz", (text) => `${seconds(text)} 1440`, 9);
    case types.builtins.JSON:
    case types.builtins.JSONB:
      return plain("variant");
    case types.builtins.BYTEA:
      return plain("binary", (text) => text.slice(2).toUpperCase());
    default:
      return plain("text");
  }
}

/**
 * @param rows PostgreSQL's text form of each value
 * @param quoted names that stand in quotes in the statement; all others are upper-case, as Snowflake has them
 */
export function toSnowflakeResult(
  fields: readonly Field[],
  rows: readonly (readonly (string | null)[])[],
  quoted: ReadonlySet<string>,
): { rowtype: RowType[]; rowset: (string | null)[][] } {
  const columns = fields.map((field, at) =>
    column(
      field,
      rows.map((row) => row[at] ?? null),
    ),
  );
  const rowtype = fields.map((field, at): RowType => {
    const { type = "text", precision = null, scale = null } = columns[at] ?? {};
    return {
      name: quoted.has(field.name) ? field.name : field.name.toUpperCase(),
      type,
      nullable: true,
      length: type === "text" ? 16_777_216 : null,
      byteLength: type === "text" ? 16_777_216 : null,
      precision,
      scale,
    };
  });
  const rowset = rows.map((row) =>
    row.map((value, at) => (value === null ? null : (columns[at]?.convert(value) ?? value))),
  );
  return { rowtype, rowset };
}
