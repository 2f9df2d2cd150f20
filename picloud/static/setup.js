// The token stands in the fragment: no server and no proxy has seen it. It leaves the address bar at once.
const field = document.getElementById("token");
if (location.hash.length > 1) {
  field.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
