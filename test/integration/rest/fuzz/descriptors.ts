/** The examples' descriptors with something broken in them, as values and as text. */
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { TRIPS, VACCINATIONS } from "../bad-input/row.ts";
import { text, value } from "./requests.ts";

type Holder = Record<string | number, unknown>;

interface Change {
  readonly at: number;
  readonly how: "drop" | "double" | "replace" | "rename" | "wrap";
  readonly text: string;
  readonly value: unknown;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom("drop", "double", "replace", "replace", "rename", "wrap"),
  text,
  value,
});

/** Every place in the value: who holds it, and under which key. */
function places(
  holder: unknown,
  found: [Holder, string | number][] = [],
): [Holder, string | number][] {
  if (typeof holder !== "object" || holder === null) return found;
  for (const key of Object.keys(holder)) {
    const at = Array.isArray(holder) ? Number(key) : key;
    found.push([holder as Holder, at]);
    places((holder as Holder)[at], found);
  }
  return found;
}

function apply(root: unknown, { at, how, text: key, value: other }: Change): void {
  const all = places(root);
  const place = all[at % Math.max(1, all.length)];
  if (place === undefined) return;
  const [holder, name] = place;
  const own = holder[name];
  if (how === "replace") holder[name] = other;
  else if (how === "wrap") holder[name] = [own];
  else if (Array.isArray(holder)) {
    if (how === "drop") holder.splice(Number(name), 1);
    else holder.push(structuredClone(own));
  } else {
    if (how !== "double") delete holder[name];
    if (how !== "drop")
      Object.defineProperty(holder, key, {
        value: own,
        enumerable: true,
        writable: true,
        configurable: true,
      });
  }
}

const EXAMPLES = [VACCINATIONS, TRIPS].map((yaml) => JSON.stringify(parse(yaml)));

/** Broken as a value: then written as JSON, or, which takes longer, as YAML. */
const brokenValue: fc.Arbitrary<string> = fc
  .record({
    example: fc.constantFrom(...EXAMPLES),
    changes: fc.array(change, { minLength: 1, maxLength: 3 }),
    yaml: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ example, changes, yaml }) => {
    const root: unknown = JSON.parse(example);
    for (const each of changes) apply(root, each);
    return yaml === 0 ? stringify(root, { aliasDuplicateObjects: false }) : JSON.stringify(root);
  });

/** What YAML is made of. */
const piece = fc.oneof(
  fc.constantFrom(
    "- ",
    ": ",
    "? ",
    "\n",
    "  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "#",
    "'",
    '"',
    "\\",
    "&a ",
    "*a",
    "!t ",
    "!!str ",
    "%YAML 1.1\n",
    "---\n",
    "...\n",
    "|\n",
    ">-\n",
    "~",
    "<<: *a",
    "\r",
    "\r\n",
    "\u0085",
    "\u2028",
    "\ufeff",
    "é",
    "\0",
    '"\\0"',
    '"\\ud800"',
    "null",
    "Yes",
    "0x1f",
    "1_000",
    ".inf",
    "2026-01-01",
    "componentIdToProvision: x\n",
  ),
  text,
);

/** Broken as text. */
const brokenText: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(VACCINATIONS, TRIPS, ...EXAMPLES),
    fc.array(
      fc.record({
        at: fc.nat(),
        cut: fc.nat({ max: 200 }),
        pieces: fc.array(piece, { maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([whole, wounds]) =>
    wounds.reduce((known, { at, cut, pieces }) => {
      const start = known.length === 0 ? 0 : at % known.length;
      return `${known.slice(0, start)}${pieces.join("")}${known.slice(start + cut)}`;
    }, whole),
  );

/** Long runs of little: what is quick to send and slow to read. */
const repeated: fc.Arbitrary<string> = fc
  .tuple(fc.array(piece, { minLength: 1, maxLength: 3 }), fc.constantFrom(100, 5_000, 50_000))
  .map(([pieces, times]) => pieces.join("").repeat(times).slice(0, 500_000));

export const anyDescriptor: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: brokenValue },
  { weight: 4, arbitrary: brokenText },
  { weight: 1, arbitrary: repeated },
);
