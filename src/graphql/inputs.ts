/** Inputs that several fields take. */
import { z } from "zod";
import { isStorable } from "../domain/storable.ts";
import { parseSubject } from "../domain/subject.ts";
import { environmentKey } from "../domain/urn.ts";
import { isTooLarge } from "../domain/yaml.ts";
import { AppError } from "../errors.ts";
import { readPortName } from "../operations/read-port.ts";
import { builder } from "./builder.ts";

/** How long a mutation may wait for its operation's end at most, in milliseconds. */
export const MAX_WAIT_MS = 15_000;

/** Why somebody does something: whoever is concerned reads it. */
export const reasonRule = {
  schema: z
    .string()
    .trim()
    .min(1, "is empty")
    .max(1_000, "is longer than 1000 characters")
    .refine(isStorable, "holds a character that cannot be stored"),
};

const descriptorText = z.string().refine((text) => !isTooLarge(text), {
  error: "is larger than 1 MiB",
  params: { tooLarge: true },
});

export const DescriptorInput = builder.inputType("DescriptorInput", {
  description: "A descriptor of Witboost's.",
  fields: (t) => ({
    descriptor: t.string({
      required: true,
      description:
        "YAML or JSON text with `dataProduct` and `componentIdToProvision`; at most 1 MiB.",
      validate: { schema: descriptorText },
    }),
    descriptorKind: t.string({
      description: "`COMPONENT_DESCRIPTOR`, which is also what is meant when it is absent.",
      validate: { maxLength: [100, { message: "is longer than 100 characters" }] },
    }),
    removeData: t.boolean({
      description: "Recorded and answered; the data itself is never touched. Absent means false.",
    }),
  }),
});

export const PortRef = builder.inputType("PortRef", {
  description: "An output port: by its URN, or by a descriptor that names it.",
  fields: (t) => ({
    componentId: t.id({
      description: "The component's URN, in any case. Needed unless `descriptor` names it.",
    }),
    environment: t.string({
      description: "Its environment. Absent: the only one it exists in, else an error `AMBIGUOUS`.",
    }),
    descriptor: t.string({
      description:
        "Descriptor text whose `componentIdToProvision` and `environment` name it, when `componentId` is absent.",
      validate: { schema: descriptorText },
    }),
    removeData: t.boolean({
      description: "Recorded and answered; the data itself is never touched. Absent means false.",
    }),
  }),
});

export const UpdateAclInput = builder.inputType("UpdateAclInput", {
  description: "Who may read an output port: the whole list, not a change to it.",
  fields: (t) => ({
    componentId: t.id({
      description: "The component's URN, in any case. Needed unless `descriptor` names it.",
    }),
    environment: t.string({
      description: "Its environment. Absent: the only one it exists in, else an error `AMBIGUOUS`.",
    }),
    descriptor: t.string({
      description:
        "Descriptor text whose `componentIdToProvision` and `environment` name it, when `componentId` is absent.",
      validate: { schema: descriptorText },
    }),
    refs: t.stringList({
      required: true,
      description: "`user:…` and `group:…`, all of them; nobody else keeps access.",
    }),
  }),
});

const ReconcileMode = builder.enumType("ReconcileMode", {
  description: "What a reconcile does with differences.",
  values: {
    REPORT: { value: "report", description: "Tells of them, as findings." },
    REPAIR: {
      value: "repair",
      description: "Also makes Hasura agree with what was applied; exposures are left alone.",
    },
  } as const,
});

export const ReconcileInput = builder.inputType("ReconcileInput", {
  description: "What to hold Hasura against: one port, or everything that was applied.",
  fields: (t) => ({
    componentId: t.id({ description: "The port's URN; absent: all ports." }),
    environment: t.string({ description: "Its environment; absent: the only one it exists in." }),
    mode: t.field({ type: ReconcileMode, description: "Absent: as `RECONCILE_MODE` has it." }),
  }),
});

/** How a subject may be recorded that somebody names: in canonical form, or as a webhook met a name that has none. */
export function subjectMatches(ref: string): { in: string[] } {
  const parsed = parseSubject(ref);
  return { in: parsed.ok && parsed.subject !== ref ? [parsed.subject, ref] : [ref] };
}

/** Argument of what can be seen as it was. */
export const atArg = builder.args((t) => ({
  at: t.field({
    type: "DateTime",
    description:
      "As of that moment, by what is recorded today: those in force then, unless `state` says otherwise. Absent: now.",
  }),
}));

interface PortRefInput {
  readonly componentId?: string | null | undefined;
  readonly environment?: string | null | undefined;
  readonly descriptor?: string | null | undefined;
}

/** The reference with absent members left out, as operations take it. */
export function portInput({ componentId, environment, descriptor }: PortRefInput) {
  return {
    componentId: componentId ?? undefined,
    environment: environment ?? undefined,
    descriptor: descriptor ?? undefined,
  };
}

/**
 * Which port is meant.
 * @throws AppError BAD_REQUEST, INVALID_DESCRIPTOR
 */
export function portName(input: PortRefInput): {
  componentId: string;
  environment: string | undefined;
} {
  const { componentId, environment, descriptor } = input;
  if (componentId != null)
    return {
      componentId,
      environment: environment == null ? undefined : environmentKey(environment),
    };
  if (descriptor != null) return readPortName(descriptor, "descriptor");
  throw new AppError("BAD_REQUEST", "It is not said which output port is meant.", {
    problems: [{ path: "componentId", message: "is missing", suggestion: "the port's URN" }],
  });
}
