/** A client's headers as a list: in their order, in the case in which they came. */
import type { IncomingMessage } from "node:http";

export type Headers = readonly (readonly [name: string, value: string])[];

/** The headers of a request, repeated ones included. */
export function headersOf({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): Headers {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    list.push([rawHeaders[i] ?? "", rawHeaders[i + 1] ?? ""]);
  return list;
}

/** The first of that name, which is given in lower case. */
export function headerNamed(headers: Headers, name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1];
}
