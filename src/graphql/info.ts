/** What Witboost's Marketplace shows of a port, and what dependants are handed. */
import { z } from "zod";
import { builder } from "./builder.ts";

const infoEntry = z.object({
  type: z.enum(["string", "link", "date"]),
  label: z.string(),
  value: z.string(),
  href: z.string().nullish(),
});

/** Public info as it is kept: entries by key. Other members are the contract's, and shown nowhere. */
const publicInfo = z.record(z.string(), z.unknown());

/** Info as an operation's row keeps it. */
export const storedInfo = z.object({ publicInfo, privateInfo: z.record(z.string(), z.unknown()) });

type InfoEntryShape = z.infer<typeof infoEntry> & { key: string };

/** The entries of stored public info that the Marketplace can show. */
export function infoEntries(stored: unknown): InfoEntryShape[] {
  return Object.entries(publicInfo.parse(stored ?? {})).flatMap(([key, member]) => {
    const read = infoEntry.safeParse(member);
    return read.success ? [{ key, ...read.data }] : [];
  });
}

const InfoEntryType = builder.enumType("InfoEntryType", {
  description: "How an entry is shown.",
  values: {
    STRING: { value: "string", description: "Text, a link when it has an `href`." },
    LINK: { value: "link", description: "A link." },
    DATE: { value: "date", description: "A date." },
  } as const,
});

export const InfoEntry = builder.objectRef<InfoEntryShape>("InfoEntry").implement({
  description: "One line of the Marketplace's technical information.",
  fields: (t) => ({
    key: t.exposeString("key", { description: "Its name, unique within the port." }),
    type: t.expose("type", { type: InfoEntryType, description: "How it is shown." }),
    label: t.exposeString("label", { description: "What it is called." }),
    value: t.exposeString("value", { description: "What it says." }),
    href: t.exposeString("href", { nullable: true, description: "Where it leads." }),
  }),
});

export const OperationInfo = builder
  .objectRef<z.infer<typeof storedInfo>>("OperationInfo")
  .implement({
    description: "What an operation leaves for Witboost.",
    fields: (t) => ({
      publicInfo: t.field({
        type: [InfoEntry],
        description: "What the Marketplace shows.",
        resolve: (info) => infoEntries(info.publicInfo),
      }),
      privateInfo: t.expose("privateInfo", {
        type: "JSON",
        description:
          "What is kept in the deployed descriptor and handed to dependants. No secrets.",
      }),
    }),
  });
