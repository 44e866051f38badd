package fakegoogle_test

import (
	"context"
	"fmt"
	"log"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/option"

	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// Reading the victim's filters with Google's own library, under Google's own host name.
func Example() {
	server, err := fakegoogle.New(fakegoogle.Config{}).Listen() // in a test: Start(t)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	key, err := server.KeyFile(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	config, err := google.JWTConfigFromJSON(key, gmail.GmailSettingsBasicScope)
	if err != nil {
		log.Fatal(err)
	}
	config.Subject = fakegoogle.Victim
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, server.Client())
	service, err := gmail.NewService(ctx, option.WithHTTPClient(config.Client(ctx)))
	if err != nil {
		log.Fatal(err)
	}
	filters, err := service.Users.Settings.Filters.List("me").Do()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range filters.Filter {
		fmt.Printf("%s%s: forwarded to %q\n", f.Criteria.From, f.Criteria.Query, f.Action.Forward)
	}
	// Output:
	// lettre@bois-info.example: forwarded to ""
	// facture OR virement OR RIB: forwarded to "a.martin.compta@webfree.example"
	// no-reply@accounts.mailhost.example OR mailer-daemon: forwarded to ""
}
