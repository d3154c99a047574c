/** What comes of a source's configuration: a database and how its tables are named, or the reason why not. */

export interface ResolvedSource {
  /** Where the rows are. */
  readonly url: string;
  readonly naming: Naming;
}

/** How relations of the database appear as tables of the source. */
export type Naming =
  | { readonly style: "postgres" }
  | { readonly style: "qualified"; readonly database: string }
  | { readonly style: "bare"; readonly schema: string };

/** The source cannot be set up; the message is Hasura's reason. */
export class SourceFault extends Error {
  /** What the database or the agent said, when it was asked. */
  readonly detail: string | undefined;

  constructor(reason: string, detail?: string) {
    super(reason);
    this.detail = detail;
  }
}
