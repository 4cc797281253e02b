export { actions, on } from "./actions.js";
export { Failure } from "./failure.js";
