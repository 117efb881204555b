// A flag: pictures that move together, pairs of minutiae, and keys.

import { followPairs } from "./pairs.js";
import { offerShortcuts } from "./shortcuts.js";
import { followTogether } from "./viewer.js";

followTogether();
const stepPair = followPairs();

const verdicts = [...document.querySelectorAll("input[name=kind]")];
const choose = (index) => () => {
  verdicts[index]?.focus();
  verdicts[index]?.click();
};
offerShortcuts({ 1: choose(0), 2: choose(1), 3: choose(2), n: () => stepPair(1), p: () => stepPair(-1) });
