/* Where the page stands. */

import type { Tab } from "./types";

/* What the page says about itself. */
export interface Place {
  comparison: number;
  /* Address of the comparison's page, without its view. */
  path: string;
  isShared: boolean;
  /* Whether this is a file without a server: its view lies behind the mark of its address. */
  isOffline?: boolean;
  /* The view with which such a file opens. */
  view?: string;
  tabs: Tab[];
  mayExport: boolean;
  /* Whether the link opens one measure alone, and who sent it. */
  isOneMatrix?: boolean;
  madeBy?: string;
}
