/** The REST face's description, as a document and as a page to browse. The page loads nothing from elsewhere. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import express, { type Response, type Router } from "express";
import { openApiDocument } from "./openapi.ts";
import { otherMethods } from "./problem.ts";

const require = createRequire(import.meta.url);
const SWAGGER_UI = dirname(require.resolve("swagger-ui-dist/package.json"));

/** The page's own files of the package; its demo page and the maps of its sources are left out. */
const ASSETS = /^\/(swagger-ui\.css|swagger-ui-bundle\.js|favicon-(16x16|32x32)\.png)$/;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Portcullis: REST</title>
<link rel="stylesheet" href="swagger-ui.css">
<link rel="icon" type="image/png" href="favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="page.js"></script>
</body>
</html>
`;

/** A file of its own, for scripts within the page are not run. No validator elsewhere is asked about the document. */
const SCRIPT = `SwaggerUIBundle({ url: "../openapi.json", dom_id: "#swagger-ui", validatorUrl: null });
`;

/** React writes styles into elements; icons of the stylesheet are `data:` URLs. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `/openapi.json` and `/docs`, at the root and under the base path. */
export function createDocsRouter(basePath: string): Router {
  // Strict, for the page's files are found relative to `docs/`.
  const router = express.Router({ strict: true });
  const document = openApiDocument();
  const only = otherMethods("GET");
  for (const prefix of new Set(["", basePath])) {
    const at = (path: string) => router.route(`${prefix}${path}`);
    at("/openapi.json")
      .get((_request, response) => guarded(response).json(document))
      .all(only);
    at("/docs")
      .get((_request, response) => guarded(response).redirect("docs/"))
      .all(only);
    at("/docs/")
      .get((_request, response) => guarded(response).type("html").send(PAGE))
      .all(only);
    at("/docs/page.js")
      .get((_request, response) => guarded(response).type("js").send(SCRIPT))
      .all(only);
    router.use(`${prefix}/docs`, (request, response, next) =>
      ASSETS.test(request.path) ? assets(request, guarded(response), next) : next(),
    );
  }
  return router;
}

const assets = express.static(SWAGGER_UI, { index: false, redirect: false });

function guarded(response: Response): Response {
  return response.set({
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
  });
}
