// What rooms of tests that drive the program itself begin with: they drive it as it is shipped, compiled from the sources of this moment.
export { build as setup } from './install.mjs';
