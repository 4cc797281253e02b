/** @file `node --import weir/typescript`: reads TypeScript, so that tests in it run. */

import { register } from "node:module";

register("./typescript-hooks.js", import.meta.url);
