/** The admin face: a Yoga server over the public schema, as the plain handler that Express mounts. */
import { maxDepthPlugin } from "@escape.tech/graphql-armor-max-depth";
import { createYoga, type Plugin, type YogaServerInstance } from "graphql-yoga";
import type { ExplainAccess } from "../access/explain.ts";
import type { OperationsContext } from "../operations/context.ts";
import { type Actor, type GraphqlContext, LOCAL_ADMIN } from "./context.ts";
import { appErrorOf, toGraphqlError } from "./errors.ts";
import { schema } from "./schema.ts";

/** A descriptor of 1 MiB, escaped as JSON, fits. */
const MAX_BODY_BYTES = 2_000_000;

/** The schema turns in circles (port → grants → port …); this is what a console needs, and some. */
const MAX_DEPTH = 16;

/** Tokens of a document: what repeats a costly field under a thousand aliases ends here. */
const MAX_TOKENS = 4_000;

export interface GraphqlDeps {
  readonly operations: OperationsContext;
  /** Whether /graphql answers a browser with GraphiQL. */
  readonly graphiql: boolean;
  /** Absent: decisions about access are not explained. */
  readonly explain?: ExplainAccess;
  /** Who sends the request. @default the local admin, for where no identity provider is set */
  readonly actor?: (request: Request) => Actor | Promise<Actor>;
}

type GraphqlServer = YogaServerInstance<object, GraphqlContext>;

const limitTokens: Plugin = {
  onParse({ parseFn, setParseFn }) {
    setParseFn((source, options) => parseFn(source, { ...options, maxTokens: MAX_TOKENS }));
  },
};

/**
 * A browser sends forms and plain text to any site without asking it first; JSON it does not. So a page elsewhere
 * cannot submit operations in the name of whoever reads it.
 */
const jsonOnly: Plugin = {
  onRequestParse({ request, endResponse, fetchAPI }) {
    if (request.method !== "POST") return;
    const [mediaType = ""] = (request.headers.get("content-type") ?? "").split(";");
    if (mediaType.trim().toLowerCase() === "application/json") return;
    endResponse(
      fetchAPI.Response.json(
        {
          errors: [
            { message: "Send application/json.", extensions: { code: "UNSUPPORTED_MEDIA_TYPE" } },
          ],
        },
        { status: 415 },
      ),
    );
  },
};

/** The server as a handler to mount at `/graphql`; its `fetch` answers a request without a socket. */
export function createGraphqlHandler(deps: GraphqlDeps): GraphqlServer {
  const { operations, graphiql, explain = null, actor = () => LOCAL_ADMIN } = deps;
  return createYoga<object, GraphqlContext>({
    schema,
    context: async ({ request }) => ({ operations, explain, actor: await actor(request) }),
    graphqlEndpoint: "/graphql",
    graphiql,
    landingPage: false,
    // Nobody else's pages read or write here.
    cors: false,
    multipart: false,
    batching: false,
    logging: false,
    maxRequestBodySize: MAX_BODY_BYTES,
    maskedErrors: {
      maskError: (error) => {
        const known = appErrorOf(error);
        if (known.code === "INTERNAL") operations.log.error({ err: error }, "a request failed");
        return toGraphqlError(error);
      },
    },
    plugins: [jsonOnly, limitTokens, maxDepthPlugin({ n: MAX_DEPTH, ignoreIntrospection: true })],
  });
}
