/** The documents that were read last: consumers' programs send the same few over and over. */
import { LRUCache } from "lru-cache";
import {
  type ReadDocument,
  type RequestRefusal,
  RequestRefused,
  readDocument,
} from "../domain/graphql-document.ts";
import type { DocumentReader } from "../domain/graphql-request.ts";

/** Bytes of all that is kept, roughly: some ten thousand usual queries. */
const CACHE_BYTES = 16_000_000;
/** Bytes of a document beside its text, and of one selection of it. */
const ENTRY_BYTES = 500;
const SELECTION_BYTES = 150;

/**
 * Makes a reader that remembers, refusals too. What variables decide is decided anew each time: it is kept with the
 * document as a few conditions.
 * @param maxBytes how much is kept, about
 */
export function createDocumentReader(maxBytes = CACHE_BYTES): DocumentReader {
  const known = new LRUCache<string, ReadDocument | { readonly refused: RequestRefusal }>({
    maxSize: maxBytes,
    // One document must not push all others out.
    maxEntrySize: Math.ceil(maxBytes / 20),
    sizeCalculation: (entry, key) =>
      2 * key.length + ENTRY_BYTES + ("size" in entry ? entry.size * SELECTION_BYTES : 0),
  });
  return (query, operationName, tokens) => {
    // No name and an empty one are different things; the length keeps name and text apart.
    const key =
      operationName === null ? ` ${query}` : `${operationName.length} ${operationName}${query}`;
    const found = known.get(key);
    if (found !== undefined) {
      if ("refused" in found) throw new RequestRefused(found.refused);
      return found;
    }
    try {
      const read = readDocument(query, operationName, tokens);
      known.set(key, read);
      return read;
    } catch (error) {
      // Too large may only be what is left for it in this batch.
      if (error instanceof RequestRefused && error.reason !== "REQUEST_TOO_LARGE")
        known.set(key, { refused: error.reason });
      throw error;
    }
  };
}
