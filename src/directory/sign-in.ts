/** Signing in to Microsoft Entra as an application, through Azure's own library. */
import type { ClientSecretCredentialOptions } from "@azure/identity";
import { AppError } from "../errors.ts";

export interface SignInSettings {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** What the sign-in asks for. */
  readonly scopes: readonly string[];
  /** Where one signs in: `https://login.microsoftonline.com`, or another cloud's. */
  readonly authorityUrl: string;
}

/** A token for the scopes; kept and renewed by the library. @throws AppError DIRECTORY_UNAVAILABLE */
type SignIn = (timeoutMs: number) => Promise<string>;

/** Loads the library, which takes a while: do it at the start and not in the middle of a request. */
export async function openSignIn(settings: SignInSettings): Promise<SignIn> {
  const { ClientSecretCredential } = await import("@azure/identity");
  const { tenantId, clientId, clientSecret, scopes } = settings;
  const authority = new URL(settings.authorityUrl);
  const local = authority.protocol === "http:";
  authority.protocol = "https:";
  const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, {
    authorityHost: authority.origin,
    // Another cloud is known by its address alone; the library would ask the public one about it.
    disableInstanceDiscovery: true,
    // Whoever asks decides whether and when to ask again.
    retryOptions: { maxRetries: 0 },
    ...(local ? { additionalPolicies: [plainOn(authority)] } : {}),
  });
  return async (timeoutMs) => {
    try {
      const abortSignal = AbortSignal.timeout(timeoutMs);
      return (await credential.getToken([...scopes], { abortSignal })).token;
    } catch (error) {
      throw new AppError("DIRECTORY_UNAVAILABLE", refusalText(error), { cause: error });
    }
  };
}

type Policy = NonNullable<ClientSecretCredentialOptions["additionalPolicies"]>[number];

/** The library speaks HTTPS only; to a stand-in on this machine its requests go in the clear. */
function plainOn(authority: URL): Policy {
  return {
    position: "perRetry",
    policy: {
      name: "plainOnLoopback",
      sendRequest(request, next) {
        if (new URL(request.url).origin === authority.origin) {
          request.url = request.url.replace(/^https:/, "http:");
          request.allowInsecureConnection = true;
        }
        return next(request);
      },
    },
  };
}

/** Entra's error number says what is wrong; the rest of its text names tenants and applications. */
function refusalText(error: unknown): string {
  const [number] = /AADSTS\d+/.exec(String(error)) ?? [];
  if (number === undefined) return "Signing in to the directory did not succeed.";
  return `The directory refused our sign-in (${number}): check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.`;
}
