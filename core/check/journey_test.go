package check_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
)

// teashop is a small shop: one must be logged in, and what is in the cart can be bought.
func teashop(t *testing.T, sells bool) check.Target {
	mux := http.NewServeMux()
	carts := map[string]string{}
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("user") != "ann" || r.FormValue("password") != "tea&biscuits" {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", Path: "/"})
		http.Redirect(w, r, "/shop", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /shop", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<li data-item="17">Tea</li>`) })
	mux.HandleFunc("POST /cart", func(w http.ResponseWriter, r *http.Request) {
		session, err := r.Cookie("session")
		if err != nil {
			http.Error(w, "log in first", http.StatusUnauthorized)
			return
		}
		carts[session.Value] = r.URL.Query().Get("item")
	})
	mux.HandleFunc("POST /checkout", func(w http.ResponseWriter, r *http.Request) {
		session, err := r.Cookie("session")
		if err != nil || carts[session.Value] != "17" || !sells {
			http.Error(w, "nothing to buy", http.StatusConflict)
			return
		}
		fmt.Fprint(w, "Thank you")
	})
	target := site(t, mux.ServeHTTP)
	target.Secret = func(context.Context, string) (string, error) { return "tea&biscuits", nil }
	return target
}

const buys = `journey:
  steps:
    - {name: log in, url: /login, form: {user: ann, password: {secret: ann}}}
    - {name: browse, url: /shop, contains: Tea, capture: {item: 'data-item="(\d+)"'}}
    - {name: add to cart, url: "/cart?item={item}", method: POST}
    - {name: check out, url: /checkout, method: POST, contains: Thank you}`

func TestAUserLogsInAndBuys(t *testing.T) {
	says(t, look(t, buys, teashop(t, true)), good.Pass, "4 steps")
}

func TestAShopThatDoesNotSellFailsAtTheStep(t *testing.T) {
	says(t, look(t, buys, teashop(t, false)), good.Fail, "step 4 of 4, check out", "answered 409", "nothing to buy")
}

func TestAValueThatIsNotOnThePageFails(t *testing.T) {
	says(t, look(t, `journey: {steps: [{url: /shop, capture: {price: 'price="(\d+)"'}}]}`, teashop(t, true)), good.Fail, "price")
}
