// What open and diff say of the variable that names the app.
export const appVariable = "BLKSCOPE_APP  the app's executable, where it is not beside this command";
