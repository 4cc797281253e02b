export { actions, on, onText } from "./actions.js";
export { Failure } from "./failure.js";
