/* What tables are told by the server: which rows a filter lets through; rows stay in the table, chosen ones chosen. */
window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions || {}, {
  isAmong: (id, list) => ("," + list + ",").includes("," + id + ","),
  /* Tab leaves a table; within it arrows move. */
  leaves: () => false,
});
