// Package mapping turns the rows of a retailer's or scraper's own file into observations in the API's form.
//
// A mapping is a YAML file. On the left is a field of an observation, on the right a rule that says where it comes from:
//
//	productId: {from: sku}
//	competitorId: {value: bigmart}
//	availability: {from: available, values: {1: InStock, 0: OutOfStock}}
//	price: {first: [special_price, price], decimal: ","}
//	priceType: [{when: {column: special_price, filled: true}, value: promotional}, {value: regular}]
//	currency: {value: EUR}
//	observedAt: {from: seen, time: {layout: "02/01/2006 15:04", zone: Europe/Rome}}
//	source: {id: bigmart-export, kind: feed}
//
// The smallest mapping has these fields without priceType, or gtin in the place of productId. Mapping has all fields, Rule all
// that a rule can say. Every text in the file counts as it is written, so that 0123, yes and 2026-01-02 need no quotation marks; what
// YAML itself gives a meaning to needs them: a comma, a colon, # or *.
//
// # What a rule does
//
// The steps are always these, in this order:
//
//  1. Of several rules, the first whose `when` holds is used. If none does, the field has no text.
//  2. The text is taken: by `from` or `first` from columns, by `fileName` from the name of the file, or it is the `value`. White space
//     at the ends of a cell is dropped, no-break spaces too, and its text is brought into Unicode's form NFC. An absent column, an
//     empty cell and JSON's null give no text.
//  3. If there is no text, it is the one of `default`, and step 4 is left out.
//  4. `values` replaces the whole text by another, and `otherwise` a text that `values` does not have. It may become "", no text.
//  5. The text is converted. An id may get a `slug`, an amount is read as Amount says, a time as Time says. So a value, a default and
//     the words of values are converted as well: with decimal: "," a default must be 0,99.
//  6. A field without a text is left out. A price without a text is null: the API takes that of what is not to be had.
//
// Nothing is guessed. What a rule does not say is passed on as it stands, and the API decides whether it makes a valid observation.
// A text that cannot be converted refuses its row, with the reason. Columns that no rule names are ignored.
//
// # Two prices in a row
//
// A special price counts where it is filled, and then the price is promotional:
//
//	price: {first: [special_price, price]}
//	priceType: [{when: {column: special_price, filled: true}, value: promotional}]
//
// A cell with 0.00 is filled too. Where a file writes that for no special price, conditions say so:
//
//	price:
//	  - {when: {column: special_price, filled: true, not: [0, 0.00]}, from: special_price}
//	  - {from: price} # for all other rows
//
// # Columns inside objects
//
// A row of a JSON file may have objects inside. The column price.amount is the member amount of the member price, unless the row has a
// member with the name "price.amount".
//
// # Rows without observations, and with several
//
// `skip` has conditions on a row. The rows for which one of them holds make no observation; they are counted as skipped, with the
// condition. The parts of one condition must all hold:
//
//	skip:
//	  - {column: sku, filled: false}
//	  - [{column: kind, is: fee}, {column: price, filled: false}] # both
//
// `unpivot` is for files with one column a competitor. It makes an observation of each of these columns whose cell is filled:
//
//	unpivot: {except: [item], name: shop, value: price}
//	productId: {from: item, slug: true}
//	competitorId: {from: shop, slug: true} # the name of the column
//	price: {from: price}                   # its cell
//
// # Ids
//
// `slug` makes an id of a name: "7 Eleven" becomes 7-eleven. Two names can have the same slug. A Mapper remembers which name got which
// id, over all rows that it sees, and refuses the second name, whose prices would mix with those of the first. So a Mapper is for one
// goroutine. It does not know the names of another run.
package mapping
