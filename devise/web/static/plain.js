// A page whose text came with it: what went wrong.

import { plain } from "./frame.js";

plain();
