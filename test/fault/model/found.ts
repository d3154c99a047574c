/** What random commands have found once, as short as it could be made. */
import { updateAcl } from "./asked.ts";
import { changeAll, provision, unprovision } from "./change.ts";
import type { Command } from "./command.ts";
import { edit, restore } from "./edits.ts";
import { reconcile } from "./reconciled.ts";

/** What is so on every day, and must stay so; then what random commands have found. */
export const FOUND: readonly (readonly [string, readonly Command[]])[] = [
  [
    "a life without incident",
    [
      provision(0, 0),
      updateAcl(0, ["user:alice_example.com", "group:a"]),
      changeAll([
        [0, 1],
        [1, 0],
        [2, 0],
      ]),
      edit(1, "permit"),
      edit(1, "inheritWithOthers"),
      reconcile("report"),
      provision(1, 2),
      unprovision(1),
      edit(1, "unpermit"),
      changeAll([
        [0, null],
        [1, null],
      ]),
    ],
  ],
  [
    "a change that Hasura holds already leaves no finding behind",
    [
      provision(0, 0),
      edit(0, "nameAsVariant3"),
      reconcile("report"),
      provision(0, 3),
      reconcile("report"),
    ],
  ],
  [
    "a port is reconciled with its source, which is not its own alone",
    [provision(0, 0), provision(1, 0), edit(0, "dropSource"), reconcile("repair", 0)],
  ],
  [
    "what a restored backup has brought back of an earlier revision makes way",
    [provision(0, 0), provision(0, 1), restore(1), provision(0, 1)],
  ],
  [
    "what a restored backup has brought back of an earlier revision is repaired",
    [provision(0, 0), provision(0, 1), restore(1), reconcile("repair")],
  ],
  [
    "a source that was brought back and is not ours is not taken for an idle one of ours",
    [provision(1, 0), unprovision(1), restore(1), provision(0, 0), reconcile("repair")],
  ],
  [
    "a teardown removes what was brought back, with the role that others inherit",
    [provision(0, 0), edit(0, "inheritAll"), provision(0, 1), restore(1), unprovision(0)],
  ],
  [
    "a source goes with its ports, though they cannot go in one write for a role that inherits from both",
    [
      provision(0, 0),
      provision(1, 0),
      edit(0, "inheritAll"),
      changeAll([
        [1, null],
        [0, null],
      ]),
    ],
  ],
  [
    "a repair takes what was brought back of a port that is gone out of the roles that inherit from it",
    [
      provision(0, 0),
      edit(0, "inheritWithOthers"),
      unprovision(0),
      restore(1),
      reconcile("repair"),
    ],
  ],
  [
    "a repair leaves what was brought back with something of others on it",
    [
      provision(0, 0),
      edit(0, "permit"),
      edit(0, "unpermit"),
      unprovision(0),
      restore(2),
      reconcile("repair"),
    ],
  ],
  [
    "a repair leaves what was brought back of an earlier revision with something of others on it",
    [
      provision(0, 0),
      edit(0, "permit"),
      edit(0, "unpermit"),
      provision(0, 1),
      restore(2),
      reconcile("repair"),
    ],
  ],
  [
    "a repair leaves a table that has a port's names and nothing that tells whose it is",
    [
      provision(0, 0),
      edit(0, "dropPermission"),
      provision(0, 1),
      restore(1),
      provision(0, 1),
      reconcile("repair"),
    ],
  ],
];
