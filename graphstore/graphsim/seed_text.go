package graphsim

// The words of the seeded mail. Braces are filled from fillers, so that the same
// sentence reads differently each time.

// person is somebody who writes to the owner of the mailbox.
type person struct {
	name, address string
	language      string
	zone          int // hours east of UTC
	role          string
}

var people = []person{
	{"Anna Lindqvist", "anna.lindqvist@nordvik.example", "en", 1, "Head of Procurement, Nordvik AB"},
	{"Michael O'Brien", "mobrien@halloranfreight.example", "en", 0, "Dispatch, Halloran Freight Ltd."},
	{"Priya Raman", "priya.raman@lakeviewdata.example", "en", 5, "Senior Consultant, Lakeview Data"},
	{"Carlos Mendoza", "carlos.mendoza@tresrios.example", "es", -6, "Ventas, Tres Ríos S.A."},
	{"Jürgen Größmann", "j.groessmann@maschinenbau-suedwest.example", "de", 1, "Einkauf, Maschinenbau Südwest GmbH"},
	{"Ulrike Müller-Lüdenscheid", "ulrike.mueller@stadtwerke-neustadt.example", "de", 1, "Kundenservice, Stadtwerke Neustadt"},
	{"Hélène Lefèvre", "helene.lefevre@ateliers-rhone.example", "fr", 1, "Responsable logistique, Ateliers du Rhône"},
	{"田中 健一", "tanaka@kyowa-parts.example", "ja", 9, "共和部品株式会社 営業部"},
	{"王 小明", "wang.xiaoming@huadong-trade.example", "zh", 8, "华东贸易有限公司"},
	{"Ирина Соколова", "i.sokolova@severtrans.example", "ru", 3, "ООО «Севертранс», отдел логистики"},
	{"Γιώργος Παπαδόπουλος", "g.papadopoulos@aegean-lines.example", "el", 2, "Aegean Lines"},
	{"Dr. Thomas Weber", "weber@kanzlei-weber.example", "de", 1, "Rechtsanwalt"},
	{"Sarah Kowalski", "sarah.kowalski@brightline.example", "en", -5, "Account Manager, Brightline Office Supplies"},
	{"David Chen", "dchen@meridian-audit.example", "en", -8, "Meridian Audit LLP"},
	{"Fatima Al-Sayed", "fatima@gulfstar-logistics.example", "en", 4, "Customs Desk, Gulfstar Logistics"},
	{"Tom Baker (Facilities)", "tom.baker@example.com", "en", 0, "Facilities"},
	{"Emma Johansson", "emma.johansson@example.com", "en", 1, "Project Office"},
	{"Zoë van der Berg", "zoe.vanderberg@example.com", "en", 1, "Human Resources"},
	{"Rajesh Kumar", "rajesh.kumar@example.com", "en", 5, "IT Operations"},
	{"Lucía Fernández", "lucia.fernandez@example.com", "es", 1, "Finanzas"},
	{"Karl-Heinz Schröder", "k-h.schroeder@example.com", "de", 1, "Werk Süd, Instandhaltung"},
	{"Mary Ellen Fitzgerald", "mary.fitzgerald@oakridge-council.example", "en", 0, "Planning Department, Oakridge Council"},
}

// fillers are the values of the braces in texts.
var fillers = map[string][]string{
	"project": {"Aurora", "Bridge Retrofit", "Harbour Line 4", "Warehouse 12", "the SAP migration", "Packaging 2.0", "the Lyon rollout"},
	"product": {"bearing set KR-220", "label printer ZT411", "pallet scale PS-3", "thermal paper 80 mm", "hydraulic hose HX-9", "the barcode scanners", "control unit CU-17"},
	"city":    {"Rotterdam", "Lyon", "Gdańsk", "Porto", "Leeds", "Göteborg", "Trieste", "Hamburg"},
	"day":     {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday"},
	"month":   {"January", "February", "March", "April", "May", "June", "July", "September", "October", "November"},
	"amount":  {"1,240.00", "318.75", "12,900.00", "86.40", "4,415.20", "27,350.00", "640.00"},
	"count":   {"3", "4", "6", "12", "18", "24", "40", "150"},
	"name":    {"Anna", "Michael", "Priya", "Jürgen", "Hélène", "Sarah", "David", "Emma", "Rajesh", "Karl-Heinz"},
	"room":    {"room 2.14", "the small meeting room", "Teams", "the workshop", "building C, ground floor"},
	"thing":   {"the delivery note", "the revised drawing", "the signed contract", "the price list", "the test report", "the customs form", "the parking permit"},
	"time":    {"9:30", "10:00", "11:15", "13:30", "14:00", "15:45"},
}

// topic is what a conversation is about: its subject and what people say.
type topic struct {
	subject string
	lines   []string
}

var topics = []topic{
	{"Delivery of {product} to {city}", []string{
		"the truck with the {product} left {city} this morning and should be with you on {day} before {time}.",
		"Please note that only {count} of the pallets are on board; the rest follows with the next transport.",
		"The driver needs a contact person on site and {thing}, otherwise he will be sent back again.",
		"We had to replace two damaged boxes. There is no extra charge for that.",
		"Could you confirm the unloading slot? The gate closes at {time} and there is no second shift on {day}.",
		"The consignment number is {number}; tracking works from tonight on.",
	}},
	{"{project}: open points before {month}", []string{
		"here is what is still open for {project} after yesterday's call.",
		"1. {name} checks the interface specification and sends comments until {day}.",
		"2. The test system needs {count} more licences. I have asked procurement, no answer so far.",
		"3. The cut-over date is not confirmed. Operations would prefer a weekend in {month}.",
		"4. Somebody has to tell the customer. I suggest we do that together on {day} at {time}.",
		"If you see it differently please shout now and not the evening before, as last time.",
		"I have put {thing} on the share. It is a draft, do not pass it on yet.",
	}},
	{"Offer {number} for {product}", []string{
		"thank you for your enquiry about {product}.",
		"For {count} pieces we can offer a price of EUR {amount} net, delivery within three weeks free {city}.",
		"From {count} dozen on, the discount of the frame contract applies in addition.",
		"The offer is valid until the end of {month}. Payment within 30 days, 2 % discount within 10 days.",
		"Please have a look at the technical data sheet, in particular at the connection on page 4: it has changed.",
		"We would be glad to receive your order and to see you at the fair in {city}.",
	}},
	{"Meeting on {day}", []string{
		"can we move our meeting from {day} to {time}? {name} cannot make it earlier.",
		"I have booked {room}, there is space for eight.",
		"On the agenda so far: budget {month}, the complaint from {city}, holiday cover.",
		"If anybody wants to show slides, bring your own adapter; the one in the room has disappeared again.",
		"{name} will dial in. Last time we forgot to switch the microphone on, so let us test that first.",
	}},
	{"Question about invoice {number}", []string{
		"we received your invoice {number} over EUR {amount} and cannot match it with an order.",
		"According to our books {count} pieces of {product} were delivered, but the invoice lists one box more.",
		"Could you send a corrected invoice or {thing}, please? Until then accounting has put the payment on hold.",
		"The due date is {day}, so a quick answer would help both of us.",
		"For {product} the old price still applies; see the frame contract, annex B.",
	}},
	{"Complaint: {product} out of tolerance", []string{
		"incoming inspection found {count} pieces of {product} out of tolerance.",
		"We measured 0.08 mm too much at the outer ring; the drawing allows 0.03 mm.",
		"Photos and the measurement record are with {name}. Production can go on until {day} with stock, not longer.",
		"Please tell us how you want to proceed: replacement, rework here, or a credit note over EUR {amount}.",
		"We need the 8D report within ten working days.",
	}},
	{"Access for the new colleagues", []string{
		"{count} people start on the first of {month} and need accounts, badges and notebooks.",
		"The list is on the share. {name} is responsible for the badges; please send passport photos.",
		"VPN access takes two days, as the security team has to approve it.",
		"One of them works from {city} and needs everything by courier.",
		"Mailbox sizes: standard. Shared mailboxes: dispatch and complaints, read and send as.",
	}},
	{"Lunch on {day}?", []string{
		"{day} is curry day. Who is in?",
		"I can reserve a table for {count} at twelve sharp, otherwise we queue behind the whole of sales.",
		"{name} owes me one from last time.",
	}},
	{"Maintenance of line 3", []string{
		"line 3 will stand still from {day} 22:00 until {time} the next morning.",
		"We exchange {product} and do the yearly safety check at the same time.",
		"The compressor will be off as well, so no compressed air in hall B.",
		"If anything urgent has to run that night, tell {name} by noon.",
	}},
}

// answers are how people begin a reply.
var answers = []string{
	"thanks for the quick reply.", "agreed, let us do it that way.", "I had to ask {name} first, sorry for the delay.",
	"not quite: I meant {thing}.", "perfect, {day} at {time} works for me.", "see my remarks below.",
	"I am afraid that is not possible before {month}.", "yes.", "I have forwarded this to {name}, who knows more about it.",
	"good point. I will check and come back to you by {day}.",
}

var (
	greetings = []string{"Hello", "Hi", "Dear", "Good morning"}
	closings  = []string{"Best regards", "Kind regards", "Thanks", "Regards", "Many thanks and best wishes"}
)

// topicsIn are the topics of a language.
func topicsIn(language string) []topic {
	if t, ok := foreign[language]; ok {
		return t
	}
	return topics
}

// foreign are mails in other languages, in the charset their programs still use.
var foreign = map[string][]topic{
	"de": {
		{"Auftragsbestätigung {number}", []string{
			"vielen Dank für Ihre Bestellung über {count} Stück. Wir bestätigen die Lieferung frei Haus für die nächste Woche.",
			"Bitte prüfen Sie die Maße: Die Öffnung für die Schläuche ist jetzt größer als früher.",
			"Für Rückfragen steht Ihnen Herr Größmann täglich außer freitags zur Verfügung.",
			"Der Betrag von {amount} € ist innerhalb von 14 Tagen ohne Abzug fällig.",
		}},
		{"Zählerstand für {month} übermitteln", []string{
			"bitte übermitteln Sie uns den Zählerstand bis zum Monatsende.",
			"Andernfalls müssen wir Ihren Verbrauch schätzen, was erfahrungsgemäß zu Nachzahlungen führt.",
			"Über das Kundenportal geht es am schnellsten.",
		}},
		{"Störung Förderband, Halle 2", []string{
			"das Förderband in Halle 2 steht seit heute früh still. Die Elektriker sind verständigt.",
			"Ersatzteile müssten im Lager sein, Regal 7, Fach für Überlänge.",
			"Bis zur Klärung bitte die Überholspur benutzen und Rücksicht auf die Stapler nehmen.",
		}},
	},
	"fr": {
		{"Réception de la commande n° {number}", []string{
			"nous avons bien reçu votre commande et vous en remercions.",
			"Malheureusement, {count} pièces manquent à la livraison ; merci de nous préciser le délai.",
			"Le règlement de {amount} € sera effectué à réception de la facture corrigée.",
			"À bientôt pour la réunion prévue à Lyon.",
		}},
	},
	"es": {
		{"Confirmación de envío – pedido {number}", []string{
			"le confirmamos que el pedido salió ayer de nuestro almacén de Móstoles.",
			"¿Podría indicarnos quién recibirá la mercancía? El año pasado no había nadie en la recepción.",
			"El importe asciende a {amount} €, según lo acordado con la señora Fernández.",
		}},
	},
	"ja": {
		{"見積書の件（{number}）", []string{
			"いつもお世話になっております。共和部品の田中です。",
			"先日ご依頼いただきました見積書をお送りいたします。数量は{count}個でございます。",
			"納期につきましては、ご注文後三週間ほどかかる見込みです。",
			"ご不明な点がございましたら、お気軽にお問い合わせください。",
			"何卒よろしくお願い申し上げます。",
		}},
	},
	"zh": {
		{"关于{number}号合同的付款", []string{
			"您好！合同已经收到，谢谢。",
			"我方将于下周一发货，共{count}箱，请提前安排仓库。",
			"货款总额为{amount}元，请在收货后三十天内支付。",
			"如有问题，请随时与我联系。",
		}},
	},
	"ru": {
		{"Счёт N {number} на оплату", []string{
			"направляем Вам счёт за перевозку груза до Санкт-Петербурга.",
			"Просим подтвердить получение и сообщить дату оплаты.",
			"Всего отправлено {count} мест, вес согласно накладной.",
			"С уважением, отдел логистики.",
		}},
	},
	"el": {
		{"Δρομολόγια {number}", []string{
			"σας στέλνουμε τα νέα δρομολόγια για τον επόμενο μήνα.",
			"Παρακαλούμε να επιβεβαιώσετε την κράτηση για {count} θέσεις.",
			"Είμαστε στη διάθεσή σας για κάθε πληροφορία.",
		}},
	},
}

// foreignCharset is the charset and transfer encoding of a language.
var foreignCharset = map[string][2]string{
	"de": {"iso-8859-1", "quoted-printable"}, "fr": {"windows-1252", "quoted-printable"}, "es": {"windows-1252", "8bit"},
	"ja": {"iso-2022-jp", "7bit"}, "zh": {"gb2312", "base64"}, "ru": {"koi8-r", "8bit"}, "el": {"iso-8859-7", "base64"},
}

var foreignGreeting = map[string][2]string{
	"de": {"Sehr geehrte Damen und Herren,", "Mit freundlichen Grüßen"}, "fr": {"Madame, Monsieur,", "Cordialement,"},
	"es": {"Estimados señores:", "Un cordial saludo"}, "ja": {"ご担当者様", "よろしくお願いいたします。"},
	"zh": {"尊敬的客户：", "此致敬礼"}, "ru": {"Уважаемые коллеги!", "С уважением"}, "el": {"Αγαπητοί συνεργάτες,", "Με εκτίμηση"},
}

// newsletter is one sender of regular mail.
type newsletter struct {
	from     Address
	language string
	subjects []string
	items    []string
}

var newsletters = []newsletter{
	{Address{"Freight Weekly", "news@freightweekly.example"}, "en",
		[]string{"Freight Weekly: rates, ports, people", "Freight Weekly #{count}: why {city} is full again"},
		[]string{"Container rates fall for the {count}th week in a row", "Strike at the port of {city} called off", "New customs form: what changes in {month}", "Opinion: the empty mile is a planning error"}},
	{Address{"Brightline Office Supplies", "offers@brightline.example"}, "en",
		[]string{"Your {month} offers are here ☕", "{count} % off everything that prints"},
		[]string{"Thermal paper, box of {count}: now only EUR {amount}", "Ergonomic chairs: try for 30 days", "Last chance: calendars", "Free delivery above EUR 50"}},
	{Address{"Entwickler-Rundbrief", "rundbrief@werkzeugkasten.example"}, "de",
		[]string{"Rundbrief {month}: Prüfstände, Schnittstellen, Übergaben", "Rundbrief {month} – Sonderausgabe"},
		[]string{"Warum Zeitzonen jede Übergabe erschweren", "Größe ist nicht alles: Postfächer messen", "Termine in {city}", "Leserbrief: Früher war mehr Betreff"}},
}

var categories = []string{"Customer", "Finance", "Follow up", "Blue category", "Überfällig", "Project Aurora", "Private"}
